// The lesson's homework in this page: where it is done, and what of it was tried.

/** @typedef {import("./logbook.js").RunLog} RunLog */

/**
 * @typedef {object} Task
 * @property {number} number in the lesson
 * @property {string} text what is asked
 * @property {string} here how it is done in this page
 * @property {(runs: RunLog[], record: any) => string} tried what of it the runs show; empty where nothing yet
 */

/** @type {Task[]} */
export const TASKS = [
  {
    number: 1,
    text: "Change the architecture and see what it does on MNIST: more or fewer filters, other kernels, a deeper net.",
    here: "Choose the net ConvNet under Settings and change its blocks, one thing at a time; train each from the same seed.",
    tried(runs) {
      const nets = new Set(trained(runs).filter(({ net }) => net !== "mlp").map(({ net, settings }) => JSON.stringify([net, settings.design])));
      return nets.size > 1 ? `${nets.size} CNNs trained` : "";
    },
  },
  {
    number: 2,
    text: "Train with and without dropout, with and without batch norm. Where do the curves of training and validation part, and why?",
    here: "Race two settings trains both at once and draws their curves. Few training images show the gap best.",
    tried(runs) {
      const pairs = ["dropout", "batchNorm"].filter((key) => differIn(trained(runs), key));
      return pairs.map((key) => `with and without ${key === "dropout" ? "dropout" : "batch norm"}`).join(", ");
    },
  },
  {
    number: 3,
    text: "Look at feature maps for a few images. What do early layers answer to, what late ones?",
    here: "Click a map of the net, above; choose images under Validation images. cnnlab explore of the saved weights shows test images.",
    tried: () => "",
  },
  {
    number: 4,
    text: "Take your best CNN to Fashion-MNIST, and set it against a fully connected net.",
    here: "The page with those images: cnnlab playground --data fashion-mnist. Train your CNN there, then the net MLP.",
    tried(runs, record) {
      if (!record.data.name.startsWith("fashion-mnist")) return "";
      const nets = new Set(trained(runs).map(({ net }) => net));
      return nets.has("mlp") && nets.size > 1 ? "a CNN and the MLP trained on Fashion-MNIST" : "";
    },
  },
];

/** @param {RunLog[]} runs @returns {RunLog[]} those with an epoch */
function trained(runs) {
  return runs.filter(({ epochs }) => epochs.length > 0);
}

/** Whether two runs have the same settings but for one. @param {RunLog[]} runs @param {string} key of the settings or the design */
function differIn(runs, key) {
  const flat = runs.map(({ net, settings }) => ({ ...settings, ...settings.design, design: null, net }));
  const without = (/** @type {any} */ each) => JSON.stringify(Object.entries({ ...each, [key]: null }).sort());
  return flat.some((one, i) => flat.slice(i + 1).some((other) => one[key] !== other[key] && without(one) === without(other)));
}
