"""How long training takes, from speeds measured once: hours before anything has run."""

from __future__ import annotations

from imagenet_tools.comparison.plan import Plan

# Images/s that alexnet_v2 trains at 96 px on two cores, input included; 101 at 224 px.
CPU_SPEED, CPU_SIZE, CPU_POWER = 470, 96, 1.81
GPU_SPEED = 3_000  # images/s: what a GPU trains where the input keeps up
# Beside the steps, on two cores: seconds a run takes to start, compile and save, an arm to be
# diagnosed, and how many images are evaluated in the time of one that is trained.
START, DIAGNOSIS, EVALUATION = 12.0, 10.0, 2.0


def cpu_speed(image_size: int) -> float:
    """Images/s that alexnet_v2 trains on two cores, input included."""
    return float(CPU_SPEED * (CPU_SIZE / image_size) ** CPU_POWER)


def duration(seconds: float) -> str:
    """A time in words: "40 s", "1 minute", "3.5 hours", "4.2 days"."""
    minutes, hours = round(seconds / 60), seconds / 3600
    if seconds < 59.5:
        return f"{max(1, seconds):.0f} s"
    if minutes < 60:
        return f"{minutes} minute{'' if minutes == 1 else 's'}"
    return f"{hours:.1f} hours" if hours < 48 else f"{hours / 24:,.1f} days"


def in_words(images: float, image_size: int, more_seconds: float = 0.0) -> str:
    """What training on so many images takes; more_seconds: what comes on top, on a CPU."""
    cpu = cpu_speed(image_size)
    return (
        f"{duration(images / cpu + more_seconds)} on 2 CPU cores ({cpu:.0f} images/s at "
        f"{image_size} px), {duration(images / GPU_SPEED)} where a GPU trains {GPU_SPEED:,} "
        "images/s"
    )


def seconds(plan: Plan) -> float:
    """About how long the training of a comparison takes on two CPU cores."""
    return plan.images_trained / cpu_speed(plan.image_size)


def of_plan(plan: Plan) -> str:
    """What a comparison takes in all, in words: training, starts and evaluations."""
    runs = len(plan.runs())
    others = {arm.fingerprint for arm in plan.arms}
    paths = (len(others) + 1 if plan.matrix else 1) + (10 if plan.ten_crop else 0)
    evaluated = runs * (
        paths * plan.validation_images + min(plan.validation_images, plan.train_images)
    )
    more = DIAGNOSIS * len(plan.judged) + runs * START
    more += evaluated / (EVALUATION * cpu_speed(plan.image_size))
    takes = in_words(plan.images_trained, plan.image_size, more)
    return f"{takes}; starts, diagnosis and evaluations counted for the CPU"
