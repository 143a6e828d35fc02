// The script of a Worker.

import { answering } from "./answering.js";

const take = answering((message) => postMessage(message));
addEventListener("message", ({ data }) => take(data));
postMessage({ id: -1 }); // it listens
