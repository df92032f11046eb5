// Everything a page of the studio needs; audio modules look for their elements and cost nothing without them.
import "./time-zone.js";
import "./theme.js";
import "./dialogs.js";
import "./folds.js";
import "./keys.js";
import "./palette.js";
import "./copy.js";
import "./requests.js";
import "./navigate.js";
import "./twins.js";
import "./player.js";
import "./compare.js";
import "./feedback.js";
