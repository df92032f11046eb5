// Words of the interface in the reader's language, from Django's JavaScript catalog where it is loaded.

export const gettext = (text) => window.django?.gettext?.(text) ?? text;
export const ngettext = (one, many, count) => window.django?.ngettext?.(one, many, count) ?? (count === 1 ? one : many);
export const interpolate = (text, values) =>
  window.django?.interpolate?.(text, values, true) ?? text.replace(/%\((\w+)\)s/g, (_, name) => String(values[name]));
