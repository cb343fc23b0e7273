"""The operator's subscriber system, as the actions reach it: the ports, and SQL behind them."""

from actions.crm.composition import connect

__all__ = ["connect"]
