// The net as a class of PyTorch's, with the loop that trains it as the page does.

import { counted } from "../../explorer/web/numbers.js";

const OPTIMIZERS = {
  sgd: ["SGD", ""],
  momentum: ["SGD", ", momentum=0.9"],
  adam: ["Adam", ""],
  adamw: ["AdamW", ""],
};

/**
 * @param {any} record the page's
 * @param {any} planned the net's part of it
 * @param {import("./learning.js").Settings} settings
 * @param {number} epochs as many as it was trained
 * @returns {string} a Python file
 */
export function pytorchClass(record, planned, settings, epochs) {
  const { shape, mean, std, classes, fill, name } = record.data;
  const size = shape.join(", ");
  /** @type {Map<string, string[]>} */
  const parts = new Map();
  let before = shape;
  for (const layer of planned.layers) {
    const part = layer.name.split(".")[0];
    const lines = parts.get(part) ?? [];
    lines.push(`            ${module(layer, before, settings)},  # ${layer.shape.join("×")}`);
    parts.set(part, lines);
    before = layer.shape;
  }
  const answer = [...parts.keys()].reduce((inner, part) => `self.${part}(${inner})`, "x");
  const moves = settings.shift > 0;
  return `import torch
from torch import nn
from torch.nn import functional as F

MEAN = torch.tensor(${list(mean)}).view(-1, 1, 1)
STD = torch.tensor(${list(std)}).view(-1, 1, 1)


class ${planned.title.replaceAll("-", "")}(nn.Module):
    """${counted(planned.parameters)} parameters. Normalised images (N, ${size}) → logits (N, ${classes.length})."""

    def __init__(self):
        super().__init__()
${[...parts].map(([part, lines]) => `        self.${part} = nn.Sequential(\n${lines.join("\n")}\n        )`).join("\n")}

    def forward(self, x):
        return ${answer}


def normalised(pixels):
    """uint8 (N, ${size}) → float, as the net takes them."""
    return (pixels / 255 - MEAN) / STD

${moves ? shifting(settings.shift, fill) : ""}
def train(pixels, labels, epochs=${Math.max(1, Math.round(epochs))}):
    """Train on images of ${name}: pixels uint8 (N, ${size}), labels int64 (N,)."""
    torch.manual_seed(${settings.seed})
    net = ${planned.title.replaceAll("-", "")}()
${optimizer(settings)}
    for epoch in range(epochs):
        net.train()
        for batch in torch.randperm(len(pixels)).split(${settings.batchSize}):
            images = ${moves ? "shifted(pixels[batch])" : "pixels[batch]"}
            loss = F.cross_entropy(net(normalised(images)), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch + 1}: loss {loss.item():.4f}")
    return net.eval()


# The weights that the page saved:
# from safetensors.torch import load_file
# net.load_state_dict(load_file("${planned.net}.safetensors"))
`;
}

/** A layer as PyTorch makes it. @param {any} layer @param {number[]} before the shape that it reads @param {any} settings */
function module({ type, shape, operation }, before, settings) {
  if (type === "Conv2d") {
    const [height, width] = operation.weight.shape.slice(2);
    const { stride, padding } = operation;
    const rest = [
      `kernel_size=${height === width ? height : `(${height}, ${width})`}`,
      ...(stride.some((/** @type {number} */ side) => side !== 1) ? [`stride=${pair(stride)}`] : []),
      ...(padding.some((/** @type {number} */ side) => side !== 0) ? [`padding=${pair(padding)}`] : []),
    ];
    return `nn.Conv2d(${before[0]}, ${shape[0]}, ${rest.join(", ")})`;
  }
  if (type === "BatchNorm2d") return `nn.BatchNorm2d(${shape[0]})`;
  if (type === "MaxPool2d" || type === "AvgPool2d") return `nn.${type}(${operation.rows[0].length})`;
  if (type === "Linear") return `nn.Linear(${before[0]}, ${shape[0]})`;
  if (type === "Dropout") return `nn.Dropout(${settings.dropout})`;
  return `nn.${type}()`;
}

function pair([rows, columns]) {
  return rows === columns ? rows : `(${rows}, ${columns})`;
}

function list(values) {
  return `[${values.join(", ")}]`;
}

function optimizer({ optimizer: name, learningRate, weightDecay }) {
  const [kind, momentum] = OPTIMIZERS[/** @type {keyof typeof OPTIMIZERS} */ (name)];
  if (!weightDecay) {
    return `    optimizer = torch.optim.${kind}(net.parameters(), lr=${learningRate}${momentum}${kind === "AdamW" ? ", weight_decay=0" : ""})`;
  }
  return `    groups = [  # filters and matrices are pulled towards 0; biases, γ and β are not
        {"params": [p for p in net.parameters() if p.dim() > 1], "weight_decay": ${weightDecay}},
        {"params": [p for p in net.parameters() if p.dim() == 1], "weight_decay": 0},
    ]
    optimizer = torch.optim.${kind}(groups, lr=${learningRate}${momentum})`;
}

function shifting(most, fill) {
  return `
def shifted(pixels, most=${most}):
    """Each image moved by up to \`most\` pixels along each axis; what comes in is background."""
    height, width = pixels.shape[2:]
    padded = F.pad(pixels, [most] * 4, value=${fill})
    places = torch.randint(0, 2 * most + 1, (len(pixels), 2)).tolist()
    return torch.stack([each[:, y : y + height, x : x + width] for each, (y, x) in zip(padded, places)])

`;
}
