"""``operator.yml``: everything an operator changes, validated at start.

Unknown keys are refused; an error names the file, the key and the reason.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

import holidays
import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from bot.errors import ConfigurationError

Skill = Literal["billing", "technical", "retention", "general"]
Plan = Literal["essentiel", "cinema", "sport", "integral"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""As :meth:`datetime.date.weekday` counts them."""


def _known_country(code: str) -> str:
    # Asking for the class is a thousand times quicker than the library's list of countries.
    if not hasattr(holidays, code):
        raise ValueError(f"no public holidays are known of {code!r}")
    return code


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"unknown time zone {name!r}")
    return name


E164 = Annotated[str, Field(pattern=r"^\+[1-9]\d{5,14}$")]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$"), AfterValidator(_known_country)]
"""ISO 3166, with public holidays that are known."""
TimeZone = Annotated[str, AfterValidator(_known_zone)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Brand(_Section):
    """Who answers."""

    name: str = Field(min_length=1)
    timezone: TimeZone
    website: str
    terminate_online: str
    postal_address: str


class Hours(_Section):
    """When people answer, in the brand's time zone."""

    days: tuple[Day, ...] = Field(min_length=1)
    open: time
    close: time

    @model_validator(mode="after")
    def _ordered(self) -> Hours:
        if self.open >= self.close:
            raise ValueError("open must be before close")
        return self

    def is_open(self, at: datetime) -> bool:
        """Whether people answer at ``at`` (aware, in the brand's zone)."""
        return DAYS[at.weekday()] in self.days and self.open <= at.time() < self.close

    def next_open(self, at: datetime) -> datetime:
        """The first opening at or after ``at`` (aware); ``at`` itself when open."""
        if self.is_open(at):
            return at
        for ahead in range(8):
            day = at + timedelta(days=ahead)
            opening = datetime.combine(day.date(), self.open, tzinfo=at.tzinfo)
            if DAYS[day.weekday()] in self.days and opening >= at:
                return opening
        raise AssertionError("a week holds an opening: days is never empty")


class NumberFormat(_Section):
    """How subscriber numbers look. ``length``: digits."""

    length: int = Field(ge=4, le=16)
    check: Literal["luhn", ""]


class Identification(_Section):
    """How a subscriber is identified."""

    subscriber_number: NumberFormat
    attempts: int = Field(ge=1, le=5)


class Policy(_Section):
    """What the bot may decide alone. Amounts in euros."""

    contested_charge_limit: Decimal = Field(ge=0)
    payment_dates: tuple[Annotated[int, Field(ge=1, le=28)], ...] = Field(min_length=1)
    notice_days: int = Field(ge=0, le=60)
    early_termination_share: Decimal = Field(ge=0, le=1)
    max_offers: int = Field(ge=0, le=3)
    box_reboots: int = Field(ge=0, le=3)


class Eligible(_Section):
    """Who may be told an offer."""

    min_tenure_months: int = Field(ge=0)
    plans: tuple[Plan, ...]


class Offer(_Section):
    """A retention offer. ``terms`` is spoken and must tell the commitment."""

    id: str = Field(pattern=r"^[a-z0-9]+$")
    name: str
    terms: str
    discount: Decimal = Field(ge=0)
    commitment_months: int = Field(ge=0, le=24)
    eligible: Eligible


class Site(_Section):
    """Where people answer."""

    id: str = Field(pattern=r"^[a-z0-9-]{1,24}$")
    name: str
    partner: str
    timezone: TimeZone
    country: Country = "FR"
    """Whose public holidays it keeps."""
    hours: tuple[Hours, ...] = ()
    """In its own time zone, and never outside the service's hours; none: whenever the service is open."""
    public_holidays: bool = False
    """Whether people answer there on public holidays."""
    skills: tuple[Skill, ...] = Field(min_length=1)
    share: float = Field(ge=0, le=100)
    """Its agreed part of the calls, relative to the other sites'; 0: only what the others do not answer."""
    quality: float | None = Field(None, ge=0, le=1)
    """As measured; none: not measured."""
    line_when_busy: bool = True
    """Whether its SIP line is rung although everybody signed in at the desk there is busy."""
    sip: str = Field(pattern=r"^sips?:[^\s@]+@[^\s@]+$")


class Routing(_Section):
    """How sites are chosen, beside what was agreed with each."""

    quality_weight: float = Field(2.0, ge=0, le=20)
    """By how many calls the site with the best measured quality may run ahead of the worst, in all. Shares hold."""


class Telephony(_Section):
    """The telephone line. Numbers are E.164."""

    number: E164
    """Ours: shown to whoever we ring."""
    fallback: E164
    """Rung by Asterisk itself when no bot is there."""
    ring_s: float = Field(gt=0, le=120)
    """How long a site is rung."""
    accept_s: float = Field(gt=0, le=60)
    """How long an agent has to press 1, once the whisper is over."""
    news_s: float = Field(ge=5, le=120)
    """A caller on hold hears from us this often."""


class CallbackRetry(_Section):
    """When to try again after a busy line or no answer: minutes after the attempt."""

    after_min: int = Field(ge=1, le=7 * 24 * 60)


class CallbackLimits(_Section):
    """How many callbacks may be asked for: what a stranger with a script can cost at most."""

    per_address_hour: int = Field(ge=1)
    """Tries of the page from one network address."""
    per_number_day: int = Field(ge=1)
    """New callbacks for one number."""
    per_hour: int = Field(ge=1)
    """New callbacks in all."""


class CallbackRules(_Section):
    """How subscribers are rung back."""

    ring_hours: Hours
    """Nobody is rung outside these, told in the subscriber's own time zone."""
    public_holidays: bool
    """Whether subscribers are rung on public holidays of where they live, also when they did not name that day."""
    prefixes: tuple[Annotated[str, Field(pattern=r"^\+[1-9]\d{0,9}$")], ...] = Field(min_length=1)
    """E.164 beginnings of the numbers that are rung; premium and shared-cost numbers never are."""
    ring_s: float = Field(ge=5, le=120)
    """How long a subscriber is rung."""
    retries: tuple[CallbackRetry, ...] = Field(max_length=10)
    """What follows each attempt that reached nobody; after the last one the callback is missed."""
    line_retry_s: float = Field(gt=0, le=600)
    """After a call that the line could not place, which is no attempt; doubles each time, up to 15 minutes."""
    late_after_min: int = Field(ge=1, le=24 * 60)
    """A first ring this long after the promised time no longer keeps the promise."""
    give_up_after_h: int = Field(ge=1, le=14 * 24)
    """Nobody is rung this long after the promised time."""
    concurrent: int = Field(ge=1, le=100)
    """Subscribers rung at the same time."""
    limits: CallbackLimits


_FILLED_IN = {
    "digits_read_back": "{number}",
    "handoff_whisper": "{case}",
    "handoff_wait_known": "{wait}",
    "callback_promised": "{when}",
    "handoff_closed": "{when}",
}


class Phrases(_Section):
    """What the bot says by itself. ``{brand}`` is filled in; ``{number}`` in ``digits_read_back``, ``{case}`` in
    ``handoff_whisper`` (said to the agent), ``{wait}`` in ``handoff_wait_known``, ``{when}`` in ``callback_promised``
    and ``handoff_closed``."""

    welcome: str
    silence_reprompt: str
    silence_keypad: str
    silence_human: str
    not_heard: str
    digits_missed: str
    digits_read_back: str
    yes_or_no: str
    wait: str
    handoff_wait: str
    handoff_wait_known: str
    handoff_closed: str
    handoff_news: str
    handoff_whisper: str
    handoff_returned: str
    handoff_pay: str
    survey_later: str
    callback_offer: str
    callback_offer_again: str
    callback_promised: str
    callback_declined: str
    callback_impossible: str
    callback_opening: str
    callback_ready: str
    callback_later: str
    resumed: str
    fault_recognition: str
    fault_dialogue: str
    fault_callback: str
    goodbye: str
    line_wait: str
    line_lost: str
    line_fallback: str
    line_sorry: str
    line_later: str

    @model_validator(mode="after")
    def _nothing_else_in_braces(self) -> Phrases:
        # Found when the file is read: in a call it would be found while the caller is on hold.
        for name, text in self.model_dump().items():
            places = dict.fromkeys(("{brand}", _FILLED_IN.get(name, "{brand}")))
            for place in places:
                text = text.replace(place, "")
            if "{" in text or "}" in text:
                raise ValueError(f"{name}: nothing but {' and '.join(places)} is filled in")
        return self

    def fixed(self) -> tuple[str, ...]:
        """The phrases that the bot always says as they stand: worth having ready before the first call."""
        said = {name: text for name, text in self.model_dump().items() if not name.startswith("line_")}
        return tuple(text for text in said.values() if "{" not in text)

    def of_the_line(self) -> dict[str, str]:
        """By name, the phrases that Asterisk says by itself, from files made ahead."""
        return {name: text for name, text in self.model_dump().items() if name.startswith("line_")}


class Operator(_Section):
    """The whole of ``operator.yml``."""

    brand: Brand
    hours: Hours
    identification: Identification
    policy: Policy
    offers: tuple[Offer, ...]
    sites: tuple[Site, ...] = Field(min_length=1)
    routing: Routing = Routing()
    telephony: Telephony
    callbacks: CallbackRules
    phrases: Phrases

    @model_validator(mode="after")
    def _unique(self) -> Operator:
        for name, ids in (("offers", [o.id for o in self.offers]), ("sites", [s.id for s in self.sites])):
            if len(set(ids)) != len(ids):
                raise ValueError(f"{name}: an id stands twice")
        if not any(site.share for site in self.sites):
            raise ValueError("sites: none has a share of the calls")
        return self

    @property
    def zone(self) -> ZoneInfo:
        """The brand's time zone."""
        return ZoneInfo(self.brand.timezone)


def load_operator(path: Path) -> Operator:
    """Read and validate ``operator.yml``; ``{brand}`` in phrases is replaced by the brand's name.

    Raises:
        ConfigurationError: unreadable, not YAML, unknown key or wrong value; one line for each fault.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        operator = Operator.model_validate(data)
    except OSError as err:
        raise ConfigurationError(f"{path}: cannot be read: {err.strerror}") from err
    except yaml.YAMLError as err:
        raise ConfigurationError(f"{path}: not valid YAML: {err}") from err
    except ValidationError as err:
        faults = "\n".join(
            f"{path}: {'.'.join(map(str, fault['loc'])) or '(whole file)'}: {fault['msg']}"
            for fault in err.errors()
        )
        raise ConfigurationError(faults) from err
    branded = {
        key: text.replace("{brand}", operator.brand.name)
        for key, text in operator.phrases.model_dump().items()
    }
    return operator.model_copy(update={"phrases": Phrases(**branded)})
