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
    text: "Change the architecture and see what happens: more or fewer filters, another kernel size, a deeper net.",
    here: "Choose ConvNet as the net and change its blocks, one thing at a time; train each from the same seed.",
    tried(runs) {
      const nets = new Set(trained(runs).filter(({ net }) => net !== "mlp").map(({ net, settings }) => JSON.stringify([net, settings.design])));
      return nets.size > 1 ? `${nets.size} CNNs trained` : "";
    },
  },
  {
    number: 2,
    text: "Train with and without dropout, with and without batch norm. Where do the training and validation curves part, and why?",
    here: "Race two settings trains both at once and draws their curves. The gap shows best with few training images.",
    tried(runs) {
      const pairs = ["dropout", "batchNorm"].filter((key) => differIn(trained(runs), key));
      return pairs.map((key) => `with and without ${key === "dropout" ? "dropout" : "batch norm"}`).join(", ");
    },
  },
  {
    number: 3,
    text: "Look at the feature maps of a few images. What do early layers respond to, and what do late ones?",
    here: "Click a map of the net, above; choose images under Validation images. To see test images, open the saved weights with cnnlab explore.",
    tried: () => "",
  },
  {
    number: 4,
    text: "Take your best CNN to Fashion-MNIST and compare it with a fully connected net.",
    here: "Make a page with those images: cnnlab playground --data fashion-mnist. Train your CNN there, then the MLP.",
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
