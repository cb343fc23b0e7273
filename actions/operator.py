"""What the actions read of ``operator.yml``: brand, hours, identification, policy and offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml

T = TypeVar("T")


class OperatorError(Exception):
    """``operator.yml`` cannot be used; the message names file, key and reason."""

    code = "operator.invalid"


@dataclass(frozen=True)
class Brand:
    """Who the bot speaks for. ``timezone``: IANA name; dates and hours told to callers are local to it."""

    name: str
    timezone: str
    website: str
    terminate_online: str
    postal_address: str


@dataclass(frozen=True)
class Hours:
    """When people answer. ``days``: ``mon`` … ``sun``; ``open`` and ``close``: ``HH:MM`` local."""

    days: tuple[str, ...]
    open: str
    close: str


@dataclass(frozen=True)
class Identification:
    """``number_length``: digits; ``check``: ``luhn`` or empty; ``attempts``: before a person takes over."""

    number_length: int
    check: str
    attempts: int


@dataclass(frozen=True)
class Policy:
    """The operator's rules. Amounts in euros; ``early_termination_share``: 0–1 of what is left after the first year."""

    contested_charge_limit: Decimal
    payment_dates: tuple[int, ...]
    notice_days: int
    early_termination_share: Decimal
    max_offers: int
    box_reboots: int


@dataclass(frozen=True)
class Offer:
    """A retention offer. ``discount``: euros a month; ``commitment_months``: 0 without commitment."""

    id: str
    name: str
    terms: str
    discount: Decimal
    commitment_months: int
    min_tenure_months: int
    plans: tuple[str, ...]


@dataclass(frozen=True)
class Operator:
    """The part of ``operator.yml`` that decides what the dialogue may say and do."""

    brand: Brand
    hours: Hours
    identification: Identification
    policy: Policy
    offers: tuple[Offer, ...]

    @property
    def timezone(self) -> ZoneInfo:
        """The brand's time zone."""
        return ZoneInfo(self.brand.timezone)

    def offer(self, offer_id: str) -> Offer:
        """The offer called ``offer_id``.

        Raises:
            KeyError: no such offer.
        """
        for offer in self.offers:
            if offer.id == offer_id:
                return offer
        raise KeyError(offer_id)


def load_operator(path: Path) -> Operator:
    """Read and check ``path``.

    Raises:
        OperatorError: the file is missing, is not YAML, lacks a key or holds a wrong value.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as err:
        raise OperatorError(f"{path}: {err}") from err
    root = _Section(path, "", raw)
    identification = root.section("identification")
    number = identification.section("subscriber_number")
    hours = root.section("hours")
    policy = root.section("policy")
    operator = Operator(
        brand=Brand(**{f.name: root.section("brand").text(f.name) for f in fields(Brand)}),
        hours=Hours(tuple(hours.items("days", str)), hours.text("open"), hours.text("close")),
        identification=Identification(
            number.number("length", int, at_least=1),
            number.text("check"),
            identification.number("attempts", int, at_least=1),
        ),
        policy=Policy(
            contested_charge_limit=policy.number("contested_charge_limit", _decimal),
            payment_dates=tuple(policy.items("payment_dates", int)),
            notice_days=policy.number("notice_days", int),
            early_termination_share=policy.number("early_termination_share", _decimal, at_most=1),
            max_offers=policy.number("max_offers", int),
            box_reboots=policy.number("box_reboots", int),
        ),
        offers=tuple(_offer(section) for section in root.sections("offers")),
    )
    if not all(1 <= day <= 28 for day in operator.policy.payment_dates) or not operator.policy.payment_dates:
        raise OperatorError(f"{path}: policy.payment_dates: days from 1 to 28 are wanted, at least one")
    try:
        operator.timezone  # noqa: B018  # looked up here so that a wrong name stops the start, not a call
    except (ZoneInfoNotFoundError, ValueError) as err:
        raise OperatorError(f"{path}: brand.timezone: unknown time zone {operator.brand.timezone!r}") from err
    return operator


def _offer(section: _Section) -> Offer:
    eligible = section.section("eligible")
    return Offer(
        id=section.text("id"),
        name=section.text("name"),
        terms=section.text("terms"),
        discount=section.number("discount", _decimal),
        commitment_months=section.number("commitment_months", int),
        min_tenure_months=eligible.number("min_tenure_months", int),
        plans=tuple(eligible.items("plans", str)),
    )


def _decimal(value: Any) -> Decimal:
    return Decimal(str(value))


class _Section:
    """A mapping of the file together with where it stands, so that every complaint can name its key."""

    def __init__(self, path: Path, key: str, value: Any) -> None:
        self._path, self._key = path, key
        if not isinstance(value, Mapping):
            raise self._error(key, "a mapping is wanted")
        self._value: Mapping[str, Any] = value

    def _error(self, key: str, reason: str) -> OperatorError:
        return OperatorError(f"{self._path}: {key or 'file'}: {reason}")

    def _get(self, key: str) -> tuple[str, Any]:
        full = f"{self._key}.{key}" if self._key else key
        if key not in self._value:
            raise self._error(full, "missing")
        return full, self._value[key]

    def section(self, key: str) -> _Section:
        full, value = self._get(key)
        return _Section(self._path, full, value)

    def sections(self, key: str) -> list[_Section]:
        full, value = self._get(key)
        if not isinstance(value, list):
            raise self._error(full, "a list is wanted")
        return [_Section(self._path, f"{full}[{index}]", item) for index, item in enumerate(value)]

    def text(self, key: str) -> str:
        full, value = self._get(key)
        if not isinstance(value, str):
            raise self._error(full, "a text is wanted (put it between quotes)")
        return value

    def number(self, key: str, kind: type[T] | Any, *, at_least: int = 0, at_most: int | None = None) -> Any:
        full, value = self._get(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self._error(full, "a number is wanted")
        try:
            number = kind(value)
        except (ValueError, InvalidOperation) as err:
            raise self._error(full, str(err)) from err
        if number != _decimal(value) or number < at_least or (at_most is not None and number > at_most):
            raise self._error(full, f"{value} is out of range")
        return number

    def items(self, key: str, kind: type[T]) -> list[T]:
        full, value = self._get(key)
        if not isinstance(value, list) or not all(isinstance(item, kind) for item in value):
            raise self._error(full, f"a list of {kind.__name__} is wanted")
        return value
