"""Topic filters of the desk hub: the standard's own examples, then each small case by definition."""

import itertools

import pytest
from hublink_desk.hub import topics
from hypothesis import given
from hypothesis import strategies as st

# MQTT 3.1.1, 4.7.1 and 4.7.2: filter, topic, whether it matches
STANDARD = [
    ("sport/tennis/player1/#", "sport/tennis/player1", True),
    ("sport/tennis/player1/#", "sport/tennis/player1/ranking", True),
    ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", True),
    ("sport/#", "sport", True),
    ("#", "a/b", True),
    ("#", "/", True),
    ("sport/tennis/+", "sport/tennis/player1", True),
    ("sport/tennis/+", "sport/tennis/player1/ranking", False),
    ("sport/+", "sport", False),
    ("sport/+", "sport/", True),
    ("+/+", "/finance", True),
    ("/+", "/finance", True),
    ("+", "/finance", False),
    ("#", "$SYS/x", False),
    ("+/monitor/Clients", "$SYS/monitor/Clients", False),
    ("$SYS/#", "$SYS/x", True),
    ("$SYS/monitor/+", "$SYS/monitor/Clients", True),
    ("ACCOUNTS", "Accounts", False),
    ("a", "a/", False),
]

LEVELS = ("", "a", "$", "+", "#")
FILTERS = [
    text
    for length in (1, 2, 3)
    for levels in itertools.product(LEVELS, repeat=length)
    if topics.is_filter(text := "/".join(levels))
]
TOPICS = [text for text in FILTERS if topics.is_topic(text)]
TOPICS += [f"{topic}/{level}" for topic in TOPICS for level in ("", "a", "x")] + ["x", "$x", "x/a"]
TOPICS += [""]  # no topic, but the parent level of `/#`: it costs less to count it than to exclude it


@pytest.mark.parametrize(("pattern", "topic", "is_match"), STANDARD)
def test_filter_matches_as_the_standard_says(pattern, topic, is_match):
    assert topics.covers(pattern, topic) is is_match


def matched(pattern):
    return {topic for topic in TOPICS if topics.covers(pattern, topic)}


def test_covers_is_inclusion_of_what_is_matched():
    sets = {text: matched(text) for text in FILTERS}
    for wide, narrow in itertools.product(FILTERS, repeat=2):
        if topics.covers(wide, narrow):
            assert sets[narrow] <= sets[wide], (wide, narrow)
        elif narrow.endswith("#"):
            continue  # `+/#` and `#`: it may err to False there
        else:
            assert not sets[narrow] <= sets[wide], (wide, narrow)


def test_overlaps_is_intersection_of_what_is_matched():
    sets = {text: matched(text) for text in FILTERS}
    for one, other in itertools.product(FILTERS, repeat=2):
        assert topics.overlaps(one, other) is bool(sets[one] & sets[other]), (one, other)


@pytest.mark.parametrize("text", ["", "a/#/b", "a#", "#a", "a+", "+a/b", "a/b+/c", "a\0b", "x" * 65_536])
def test_what_is_no_filter(text):
    assert not topics.is_filter(text)


@pytest.mark.parametrize("text", ["", "a/+", "#", "a\0b", "\N{EURO SIGN}" * 21_846])
def test_what_is_no_topic(text):
    assert not topics.is_topic(text)


@given(st.text(alphabet="ab/+#$", max_size=8), st.text(alphabet="ab/$", min_size=1, max_size=8))
def test_a_topic_is_a_filter_that_matches_itself(pattern, topic):
    assert topics.is_filter(topic) and topics.covers(topic, topic)
    if topics.is_filter(pattern):
        assert topics.covers(pattern, topic) is topics.overlaps(pattern, topic)


def test_the_longest_filter_is_no_trouble():
    deep = "a/" * 32_767
    assert topics.covers(deep, deep) and topics.overlaps(deep, "+/" * 32_767)
