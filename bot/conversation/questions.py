"""The questions that the bot asks of its own, which are none of the dialogue's: what each answer leads to. Pure."""

from __future__ import annotations

from enum import Enum

from bot.conversation.callback_offer import is_bad_time, wants_callback
from bot.conversation.interpret import AFFIRM, DENY


class Question(Enum):
    """A yes or no."""

    CALLBACK = "callback"  # nobody answered: shall we call back?
    LATER = "later"  # a bad time for the call we had promised: shall we call again?
    GOOD_TIME = "good_time"  # we rang: is it a good time?


class Next(Enum):
    """What follows an answer."""

    ASK_AGAIN = "ask_again"
    PROMISE = "promise"  # a call back
    DECLINED = "declined"  # no call back: on with the dialogue
    GO_AHEAD = "go_ahead"  # with what we rang for
    OFFER_LATER = "offer_later"
    GOODBYE = "goodbye"
    DIALOGUE = "dialogue"  # it was no answer but a request


def read_answer(question: Question, message: str, text: str) -> bool | None:
    """Yes, no, or neither. ``message``: what the interpreter made of ``text``."""
    if message in (AFFIRM, DENY):
        return message == AFFIRM
    if question is Question.GOOD_TIME:
        return False if is_bad_time(text) else None
    return wants_callback(text)


def after(question: Question, yes: bool | None, *, said: bool, again: bool) -> Next:
    """What follows. ``said``: the caller said something at all. ``again``: it has been asked twice."""
    match question, yes:
        case Question.GOOD_TIME, True:
            return Next.GO_AHEAD
        case Question.GOOD_TIME, False:
            return Next.OFFER_LATER
        case Question.GOOD_TIME, None:
            return Next.DIALOGUE if said else Next.GOODBYE
        case _, None if said and not again:
            return Next.ASK_AGAIN
        case Question.CALLBACK, False:
            return Next.DECLINED
        case Question.CALLBACK, _:  # without an answer too: a person was asked for, and none has come
            return Next.PROMISE
        case _, True:
            return Next.PROMISE
        case _:  # a call we made, to somebody who wants none or says nothing
            return Next.GOODBYE
