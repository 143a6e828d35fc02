"""A person's own image file becomes the input of a net: drawn, scanned or photographed.

    image = read_image("seven.jpg")
    pixels = prepare(image, preparation="digit", shape=(1, 28, 28))   # uint8 (1, 28, 28)

A net only knows images like those it was trained on, so each data set names the preparation that repeats how its
own images were made: `digit` (MNIST), `garment` (Fashion-MNIST), `resize` (a folder of images), `none`.
"""

from cnnlab.prepare.fitting import scale_and_cut
from cnnlab.prepare.preparing import PREPARATIONS, prepare
from cnnlab.prepare.reading import read_image

__all__ = ["PREPARATIONS", "prepare", "read_image", "scale_and_cut"]
