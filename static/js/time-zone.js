// The server shows times in the zone this cookie names.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
// biome-ignore lint/suspicious/noDocumentCookie: not every browser has the Cookie Store API
if (zone) document.cookie = `tz=${zone}; path=/; max-age=31536000; SameSite=Lax`;
