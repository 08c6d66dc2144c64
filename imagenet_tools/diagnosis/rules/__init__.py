"""The rules of the diagnosis, a room each; importing this registers them."""

from imagenet_tools.diagnosis.rules import (
    arms,
    colour,
    data,
    detail,
    draws,
    flat,
    geometry,
    resampling,
    training,
    values,
)

# In the order of their page.
ROOMS = (data, geometry, resampling, detail, colour, values, flat, draws, training, arms)
