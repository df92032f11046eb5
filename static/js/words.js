// Words in the language of the page, from Django's JavaScript catalogue; English where there is none.

export const gettext = (text) => window.django?.gettext?.(text) ?? text;

export const ngettext = (one, many, count) => window.django?.ngettext?.(one, many, count) ?? (count === 1 ? one : many);

/** Named places: interpolate("%(n)s clips", { n: 4 }). */
export const interpolate = (text, values) =>
  text.replace(/%\((\w+)\)s/g, (place, name) => (name in values ? String(values[name]) : place));
