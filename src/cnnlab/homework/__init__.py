"""Checks of a student's answers that say what is off, not only whether.

Each looks for the mistakes that are usually made and names the one it finds; none gives the answer away. Of an answer
that is still `...` it says that it is not filled in yet. Nothing here raises for a wrong answer.
"""

from cnnlab.homework.comparison import check_comparison
from cnnlab.homework.feedback import Feedback
from cnnlab.homework.maps import check_feature_maps
from cnnlab.homework.measured import check_measured
from cnnlab.homework.own_net import check_net
from cnnlab.homework.parameters import check_parameters
from cnnlab.homework.same_net import check_same_net
from cnnlab.homework.sizes import check_output_size

__all__ = [
    "Feedback",
    "check_comparison",
    "check_feature_maps",
    "check_measured",
    "check_net",
    "check_output_size",
    "check_parameters",
    "check_same_net",
]
