// The texts of scripts in the language of the page. The catalogue is a script of the page's own, loaded before this one;
// where there is none, as on a page that failed, the text stays as it was written.

export const gettext = (text) => window.django?.gettext?.(text) ?? text;

export const ngettext = (one, many, count) => window.django?.ngettext?.(one, many, count) ?? (count === 1 ? one : many);

// interpolate("%(done)s of %(all)s", { done: 1, all: 2 })
export const interpolate = (text, values) => text.replace(/%\((\w+)\)s/g, (_, name) => String(values[name]));
