"""Packaging: the folders `preprocessing/` and `cli/` are installed under `imagenet_tools`.

Top-level packages called `cli` or `preprocessing` would shadow TF-Slim's own `preprocessing` and
litter site-packages; mapped here, the wheel owns one import name only.
"""

from setuptools import find_packages, setup

NESTED = {"imagenet_tools.preprocessing": "preprocessing", "imagenet_tools.cli": "cli"}

setup(
    package_dir={"imagenet_tools": "imagenet_tools", **NESTED},
    packages=[*find_packages(include=["imagenet_tools", "imagenet_tools.*"]), *NESTED],
    package_data={
        "imagenet_tools": [
            "py.typed",
            "data/*",
            "data/recipes/*.yaml",
            "pages/page.*",
            "pages/*.js",
        ]
    },
)
