"""The orders in which the engine calls components, by the name that the setting ``order`` takes.

Only this package knows an order. A new one is a module here with a subclass of ``Order``, a row of ``ORDERS``, and its name in
``alref.config.RunOptions.order``.
"""

from __future__ import annotations

from alref.pipeline.orders.base import Order
from alref.pipeline.orders.pivot import PivotOrder
from alref.pipeline.orders.tracks import TracksOrder

ORDERS: dict[str, type[Order]] = {"pivot": PivotOrder, "tracks": TracksOrder}
