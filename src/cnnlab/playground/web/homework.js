// The lesson's homework in this page: where it is done, and what of it was tried.

/** @typedef {import("./logbook.js").RunLog} RunLog */

/**
 * @typedef {object} Task
 * @property {number} number in the lesson
 * @property {string} text the lesson's
 * @property {string} here how it is done in this page
 * @property {(runs: RunLog[], record: any) => string} tried what of it the runs show; empty where nothing yet
 */

/** @type {Task[]} */
export const TASKS = [
  {
    number: 1,
    text: "Experiment with different CNN architectures for MNIST: change number of filters, kernel sizes, or depth.",
    here: "Choose the net ConvNet under Settings and change its blocks, one thing at a time; train each from the same seed.",
    tried(runs) {
      const nets = new Set(trained(runs).filter(({ net }) => net !== "mlp").map(({ net, settings }) => JSON.stringify([net, settings.design])));
      return nets.size > 1 ? `${nets.size} CNNs trained` : "";
    },
  },
  {
    number: 2,
    text: "Compare models with and without Dropout and BatchNorm. Plot training and validation curves and discuss overfitting.",
    here: "Race two settings trains both at once and draws their curves. Few training images show the gap best.",
    tried(runs) {
      const pairs = ["dropout", "batchNorm"].filter((key) => differIn(trained(runs), key));
      return pairs.map((key) => `with and without ${key === "dropout" ? "dropout" : "batch norm"}`).join(", ");
    },
  },
  {
    number: 3,
    text: "Visualize intermediate feature maps for a few test images to see what early and late layers are detecting.",
    here: "Click a map of the net, above; choose images under Validation images. cnnlab explore of the saved weights shows test images.",
    tried: () => "",
  },
  {
    number: 4,
    text: "Try training on Fashion-MNIST with your best CNN and compare results to Lesson 2’s fully connected network.",
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
