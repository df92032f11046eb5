// Words of the pages' scripts, in the reader's language where the page brought a catalogue along.

export const gettext = (words) => window.django?.gettext?.(words) ?? words;
export const ngettext = (one, many, count) => window.django?.ngettext?.(one, many, count) ?? (count === 1 ? one : many);
export const interpolate = (words, values, named) =>
  window.django?.interpolate?.(words, values, named) ?? words.replace(/%\((\w+)\)s/g, (_, name) => String(values[name]));
