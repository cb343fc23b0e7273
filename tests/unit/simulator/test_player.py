"""When the subscriber speaks, on a virtual clock."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator import script
from simulator.run import Do, GiveUp, HangUp, Player, Step, Wait

TICK = 0.02


class World:
    """A bot that answers each act of the caller with the next reply, and a clock that counts ticks."""

    def __init__(self, source: str, replies: list[str], *, act_s: float = 1.0, talk_s: float = 2.0) -> None:
        read = script.parse(source, Path("a.yml"))
        self.player = Player(read.turns, read.reactions)
        self.replies = replies
        self.act_s, self.talk_s = act_s, talk_s
        self.now = 0.0
        self.log: list[tuple[float, str]] = []

    def speak(self, text: str, *, until: float | None = None) -> None:
        """The bot speaks; it stops at ``until`` if the caller cuts it short."""
        self.player.bot_started(self.now)
        self.player.bot_said(text, self.now)
        end = self.now + self.talk_s if until is None else until
        self.wait_until(end)
        last = self.now
        self.now += 0.8
        self.player.bot_finished(self.now, last_speech=last)

    def wait_until(self, end: float) -> None:
        self.now = max(self.now, end)

    def step(self) -> Step:
        return self.player.decide(self.now)

    def play(self) -> Step:
        """Until the caller hangs up: every act is answered."""
        self.speak(self.replies.pop(0))
        while True:
            step = self.step()
            if isinstance(step, Do):
                self.log.append((round(self.now, 2), step.act.words or str(step.act.deed)))
                self.now += step.act.silence or self.act_s
                self.player.act_finished(self.now)
                if step.act.addressed and self.replies:
                    self.now += 0.5
                    self.speak(self.replies.pop(0))
            elif isinstance(step, Wait):
                self.now = step.until if step.until is not None else self.now + TICK
            else:
                return step


def test_the_caller_waits_for_the_bot_to_finish() -> None:
    world = World("turns: [{say: un}, {say: deux}]", ["bonjour", "oui", "bien"])
    assert world.step() == Wait(30.0)
    assert isinstance(world.play(), HangUp)
    # 2 s of bot and 0.8 s to be sure that it has finished; 1 s of caller and 0.5 s of thought between them.
    assert world.log == [(2.8, "un"), (7.1, "deux")]


def test_the_answer_to_the_last_turn_is_heard_out() -> None:
    world = World("turns: [{say: un}]", ["bonjour", "voilà"])
    world.play()
    assert world.now == pytest.approx(2.8 + 1.0 + 0.5 + 2.8 + 3.0)


def test_a_turn_waits_for_the_words_it_answers() -> None:
    world = World("turns: [{say: un}, {when: code postal, say: deux}]", ["bonjour", "un instant"])
    assert isinstance(world.step(), Wait)
    end = world.play()
    assert isinstance(end, GiveUp)
    assert "code postal" in end.reason
    assert "un instant" in end.reason


def test_an_answer_in_two_breaths_is_one_answer() -> None:
    world = World("turns: [{when: 'numéro.*postal', say: un}]", [])
    world.speak("J'ai votre numéro.")
    assert isinstance(world.step(), Wait)
    world.speak("Votre code postal ?")
    assert isinstance(world.step(), Do)


def test_words_known_before_they_are_heard_are_not_talked_over() -> None:
    world = World(
        "turns: [{say: un}, {when: voilà, say: deux}]\nreactions: [{when: toujours là, again: true}]", []
    )
    world.speak("bonjour")
    world.step()
    world.player.act_finished(4.0)
    world.player.bot_started(4.5)
    world.player.bot_finished(6.0, last_speech=5.2)
    world.player.bot_said("Vous êtes toujours là ?", 9.0)
    assert isinstance(world.player.decide(9.0), Wait)
    world.player.bot_started(9.2)
    assert isinstance(world.player.decide(9.3), Wait)
    world.player.bot_finished(11.0, last_speech=10.2)
    assert isinstance(world.player.decide(11.0), Do)


def test_words_that_are_never_heard_do_not_stop_the_call() -> None:
    world = World("turns: [{say: un}]", [])
    world.speak("bonjour")
    world.player.bot_said("…", world.now)
    assert isinstance(world.player.decide(world.now + 1), Wait)
    assert isinstance(world.player.decide(world.now + 3), Do)


def test_a_silent_bot_is_given_up() -> None:
    world = World("turns: [{say: un}]", ["bonjour"])
    end = world.play()
    assert isinstance(end, GiveUp)
    assert "said nothing for 30 s" in end.reason


def test_cutting_in_counts_from_the_start_of_the_speech() -> None:
    world = World("turns: [{after: 0.8, say: non}]", [])
    world.wait_until(1.0)
    world.player.bot_started(world.now)
    began = world.now
    step = world.step()
    assert step == Wait(pytest.approx(began + 0.8))
    world.wait_until(began + 0.8)
    step = world.step()
    assert isinstance(step, Do)
    assert step.interrupts


def test_cutting_in_on_words_counts_from_their_sentence() -> None:
    world = World("turns: [{when: engagement, after: 0.5, say: non}]", [])
    world.player.bot_started(1.0)
    world.player.bot_said("Voici une offre.", 1.0)
    assert isinstance(world.player.decide(2.0), Wait)
    world.player.bot_said("Avec un engagement.", 3.0)
    assert world.player.decide(3.2) == Wait(3.5)
    assert isinstance(world.player.decide(3.5), Do)


def test_a_bot_cut_short_has_not_answered() -> None:
    world = World("turns: [{after: 0.8, say: non}, {say: ensuite}]", [])
    player = world.player
    player.bot_started(0.0)
    player.bot_said("Je vais vous lire", 0.0)
    assert isinstance(player.decide(0.8), Do)
    player.bot_interrupted()
    player.act_finished(1.6)
    player.bot_finished(1.9, last_speech=1.1)
    assert isinstance(player.decide(2.0), Wait)  # its silence is not an answer
    player.bot_started(2.5)
    player.bot_finished(4.0, last_speech=3.2)
    assert isinstance(player.decide(4.0), Do)


def test_a_murmur_does_not_need_an_answer_of_its_own() -> None:
    world = World("turns: [{after: 0.8, say: d'accord}, {when: voilà, say: ensuite}]", [])
    player = world.player
    player.bot_started(0.0)
    player.bot_said("Voilà votre facture", 0.0)
    assert isinstance(player.decide(0.8), Do)
    player.act_finished(1.3)
    player.bot_finished(6.0, last_speech=5.2)  # it went on to the end
    assert isinstance(player.decide(6.0), Do)


def test_a_noise_is_not_a_turn() -> None:
    world = World("turns: [{after: 0.5, noise: cough}, {say: un}]", [])
    player = world.player
    player.bot_started(0.0)
    player.bot_said("bonjour", 0.0)
    assert isinstance(player.decide(0.5), Do)
    player.act_finished(1.0)
    player.bot_finished(3.0, last_speech=2.2)
    assert isinstance(player.decide(3.0), Do)


def test_a_silence_is_answered_or_not() -> None:
    world = World("turns: [{silence: 8}, {when: toujours là, silence: 8}, {say: oui}]", [])
    world.speak("bonjour")
    assert isinstance(world.step(), Do)
    world.now += 5
    world.speak("Vous êtes toujours là ?")
    world.player.act_finished(world.now)
    assert isinstance(world.step(), Do)
    world.now += 8
    world.player.act_finished(world.now)
    assert isinstance(world.step(), Do)  # nothing was said this time, and nothing need be


def test_a_reaction_comes_between_and_not_for_ever() -> None:
    source = "turns: [{say: un}, {say: deux}]\nreactions: [{when: répéter, again: true, times: 2}]"
    world = World(source, ["bonjour", "pouvez-vous répéter", "répéter encore", "répéter", "bien"])
    world.play()
    assert [words for _, words in world.log] == ["un", "un", "un", "deux"]


def test_a_turn_that_asks_for_these_words_goes_before_a_reaction() -> None:
    source = "turns: [{when: clavier, keys: '12#'}]\nreactions: [{when: clavier, say: non}]"
    world = World(source, ["tapez sur le clavier", "merci"])
    world.play()
    assert [words for _, words in world.log] == ["12#"]


def test_hanging_up_in_the_middle() -> None:
    world = World("turns: [{say: un}, {after: 0.5, hang_up: true}]", ["bonjour"])
    world.speak("bonjour")
    assert isinstance(world.step(), Do)
    world.player.act_finished(world.now)
    world.player.bot_started(world.now)
    world.wait_until(world.now + 0.5)
    assert isinstance(world.step(), HangUp)


def test_without_sound_nothing_is_waited_for_in_vain() -> None:
    world = World("turns: [{when: code postal, say: un}]", [])
    world.player.bot_started(0.0)
    world.player.bot_said("bonjour", 0.0)
    world.player.bot_finished(1.0, last_speech=1.0, complete=True)
    assert isinstance(world.player.decide(1.0), GiveUp)


def test_what_is_left_when_the_bot_hangs_up() -> None:
    world = World("turns: [{say: un}, {say: deux}, {hang_up: true}]", [])
    world.speak("bonjour")
    world.step()
    assert [turn.words for turn in world.player.left] == ["deux"]


@given(st.lists(st.sampled_from(["{say: a}", "{keys: '1'}", "{silence: 3}", "{noise: hum}"]), max_size=8))
def test_every_call_comes_to_an_end(turns: list[str]) -> None:
    world = World(f"turns: [{', '.join(turns)}]", ["bonjour", *["bien"] * len(turns)])
    assert isinstance(world.play(), HangUp)
    assert len(world.log) == len(turns)
