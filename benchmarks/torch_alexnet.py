"""PyTorch's best at the same training step, in a process of its own.

    python -m benchmarks.torch_alexnet BATCH

One step a line read from stdin; its seconds are the answer. The same layers as alexnet_v2, fully
connected ones as Linear, channels last, fused SGD with momentum and weight decay.
"""

from __future__ import annotations

import sys
import time

CLASSES = 1001


def main() -> None:
    import torch
    from torch import nn

    batch = int(sys.argv[1])
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 64, 11, 4), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Flatten(),
        nn.Linear(5 * 5 * 256, 4096), nn.ReLU(), nn.Dropout(),
        nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(),
        nn.Linear(4096, CLASSES),
    ).to(memory_format=torch.channels_last)  # fmt: skip
    optimizer = torch.optim.SGD(net.parameters(), 0.001, 0.9, weight_decay=5e-4, fused=True)
    images = torch.randn(batch, 3, 224, 224).to(memory_format=torch.channels_last)
    labels = torch.randint(0, CLASSES, (batch,))
    for _ in sys.stdin:
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        nn.functional.cross_entropy(net(images), labels).backward()
        optimizer.step()
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()
