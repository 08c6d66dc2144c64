"""The registry inside a TF-Slim checkout, none of whose files is changed.

    import imagenet_tools.slim
    imagenet_tools.slim.patch()      # in a script of your own, TF-Slim's folder on sys.path

or, for TF-Slim's scripts: `imgtools slim-run PATH/train_image_classifier.py FLAGS`.
"""

from imagenet_tools.slim.factory import patch, unpatch
from imagenet_tools.slim.runner import command_line, run

__all__ = ["command_line", "patch", "run", "unpatch"]
