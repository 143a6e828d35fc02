"""The lesson's nets, and how a name or a user's file becomes one."""

from cnnlab.nets.convnet import ConvNet
from cnnlab.nets.lenet import LeNet5
from cnnlab.nets.mlp import MLP
from cnnlab.nets.resolve import NETS, build_net, parameter_count
from cnnlab.nets.simple_cnn import SimpleCNN

__all__ = ["MLP", "NETS", "ConvNet", "LeNet5", "SimpleCNN", "build_net", "parameter_count"]
