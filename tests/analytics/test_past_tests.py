"""Old tests: files of every kind in, verdicts out, every bad row named, nothing ever a 500."""

from __future__ import annotations

import json
import random
from datetime import date

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from analytics.models import PastTest, PastTestImport
from analytics.past_test_columns import (
    UnreadableFile,
    columns_read,
    mapping_guess,
    mapping_problems,
    text_decode,
)
from analytics.past_test_reading import read_tests
from analytics.past_test_reports import past_test_compute
from analytics.past_test_services import past_imports_read

TODAY = date(2026, 11, 25)


def read(text, shape="sums", **mapping):
    columns = columns_read(text)
    return read_tests(text, mapping_guess(columns, shape) | mapping, shape)


def verdict_of(text, shape="sums"):
    found = read(text, shape)
    content = past_test_compute(found.tests[0], today=TODAY)
    json.dumps(content, allow_nan=False)
    return content["verdict"]["code"]


def test_usual_names_are_found_in_english_and_chinese():
    assert mapping_guess(["Experiment", "Variant", "Users", "Conversions", "Start date"], "sums") == {
        "test": "Experiment", "arm": "Variant", "shoppers": "Users", "successes": "Conversions",
        "start": "Start date",
    }  # fmt: skip
    text = text_decode("测试;版本;用户数;点击\n红色按钮;旧;1000;50\n红色按钮;新;1000;90\n".encode("gb18030"))
    found = read(text)
    assert [(t.name, [a.name for a in t.arms]) for t in found.tests] == [("红色按钮", ["旧", "新"])]


def test_the_vector_of_the_documentation_comes_out():
    found = read("test,arm,n,clicks,start,end\nT,A,20000,1000,2026-01-01,2026-01-14\nT,B,20000,1100,,\n")
    row = past_test_compute(found.tests[0], today=TODAY)["metrics"][0]["rows"][1]
    assert row["p"] == pytest.approx(0.02497, abs=1e-5)
    assert (row["lift_low"], row["lift_high"]) == (
        pytest.approx(0.0120, abs=1e-4),
        pytest.approx(0.1956, abs=1e-4),
    )
    assert (found.tests[0].started_on, found.tests[0].ended_on) == (date(2026, 1, 1), date(2026, 1, 14))


def test_revenue_by_sum_and_squares():
    text = "arm,users,sum,sum_of_squares\nA,1000,5000,100000\nB,1000,9000,200000\n"
    assert verdict_of(text) == "ship"


def test_events_are_summed_shopper_by_shopper():
    rng = random.Random(1)
    rows = ["test,user,arm,event,timestamp"]
    for n in range(800):
        arm = "new" if n % 2 else "old"
        rows += [f"T,u{n},{arm},impression,2026-05-{1 + n % 20:02}T10:00:00Z"] * 3
        rows += [f"T,u{n},{arm},click,2026-05-03"] * (2 if rng.random() < (0.42 if n % 2 else 0.26) else 0)
    rows.append("T,u0,new,impression,2026-05-03")  # seen in both arms
    found = read("\n".join(rows), "events")
    arms = {arm.name: arm.sums for arm in found.tests[0].arms}
    assert (arms["old"].n, arms["new"].n) == (399, 400)
    assert arms["new"].y <= 400  # two clicks of a shopper are one success
    assert [p.code for p in found.problems] == ["two_arms"]
    assert verdict_of("\n".join(rows), "events") == "ship"


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("T,B,-5,1,", "negative"),
        ("T,B,x,1,", "bad_number"),
        ("T,B,nan,1,", "bad_number"),
        ("T,B,1e99,1,", "bad_number"),
        ("T,B,10.5,1,", "bad_count"),
        ("T,B,10,11,", "more_than_all"),
        ("T,,10,1,", "no_arm"),
        ("T,A,10,1,", "arm_twice"),
        ("T,B,10,1,soon", "bad_date"),
        ("T,B", "bad_number"),
    ],
)
def test_a_bad_row_is_named_and_takes_no_other_with_it(row, code):
    found = read(f"test,arm,n,x,start\nT,A,100,10,\n{row}\nU,A,100,10,\nU,B,100,20,\n")
    assert [(p.line, p.code) for p in found.problems] == [(3, code)]
    assert [t.name for t in found.tests] == ["T", "U"]
    for test in found.tests:
        json.dumps(past_test_compute(test, today=TODAY), allow_nan=False)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("arm,n,x\nA,0,0\nB,0,0\n", "no_data"),
        ("arm,n,x\nA,5000,500\n", "unhealthy"),  # one arm
        ("arm,n,x\nA,5000,0\nB,5000,0\n", "inconclusive"),
        ("arm,n,x\nA,5000,5000\nB,5000,5000\n", "inconclusive"),  # no variance
        ("arm,n,sum,sum_sq\nA,900,-500,90000\nB,900,-700,90000\n", "inconclusive"),  # negative revenue
        ("arm,n,x,start\nA,5000,500,2031-01-01\nB,5000,600,2031-02-01\n", "unhealthy"),
        ("arm,n,x,weight\nA,5000,500,1\nB,4000,600,1\n", "unhealthy"),  # a broken split
        ("arm,n,x\nA,5000,500\nB,4000,400\n", "inconclusive"),  # no weights named: a warning only
        ("arm,n,x\n" + "".join(f"{n},500,{40 + n % 3}\n" for n in range(50)), "inconclusive"),
        ("arm,n,x\nA,60,5\nB,60,6\n", "inconclusive"),
    ],
)
def test_hopeless_tests_get_a_verdict(text, code):
    assert verdict_of(text) == code


def test_more_than_fifty_arms_are_refused_with_a_sentence():
    found = read("arm,n,x\n" + "".join(f"{n},500,50\n" for n in range(51)))
    assert (found.tests, [p.code for p in found.problems]) == ([], ["too_many_arms"])


@pytest.mark.parametrize(
    "content", [b"", b"arm", b"a,a,b\n1,2,3\n", b"\x00\x01", b"\xff\xff\xff\xff,\xff\n", b"x" * 20_000_001]
)
def test_a_file_that_is_no_table_is_refused(content):
    with pytest.raises(UnreadableFile):
        columns_read(text_decode(content))


@effort(max_examples=60)
@given(st.text(max_size=300))
def test_any_text_after_a_head_is_read_or_named(text):
    found = read("test,arm,n,x\n" + text.replace("\x00", ""))
    for test in found.tests[:3]:
        json.dumps(past_test_compute(test, today=TODAY), allow_nan=False)


def test_a_mapping_that_misses_something_says_what():
    columns = ["a", "b", "c"]
    assert set(mapping_problems({"arm": "a"}, columns, "sums")) == {"shoppers", "successes"}
    assert set(mapping_problems({"arm": "a", "shoppers": "b", "sum": "c"}, columns, "sums")) == {
        "sum_of_squares"
    }
    assert set(mapping_problems({"arm": "zz", "nonsense": "a"}, columns, "events")) == {
        "arm", "shopper", "kind", "nonsense",
    }  # fmt: skip


def test_rates_and_days_are_read():
    found = read("arm,n,ctr\nA,1000,5 %\nB,1000,0.07\nC,1000,7\n")
    assert [(arm.name, arm.sums.y) for arm in found.tests[0].arms] == [("A", 50), ("B", 70)]
    assert [p.code for p in found.problems] == ["bad_rate"]
    rows = [f"A,{day},500,50\nB,{day},500,75" for day in ("2026-03-02", "2026-03-01", "2026-03-03")]
    found = read("arm,day,n,x\n" + "\n".join(rows) + "\nB,2026-03-03,9,9\n")
    test = found.tests[0]
    assert [(arm.sums.n, arm.sums.y) for arm in test.arms] == [(1500, 150), (1500, 225)]
    assert (test.started_on, test.ended_on) == (date(2026, 3, 1), date(2026, 3, 3))
    assert [p.code for p in found.problems] == ["arm_twice"]
    trend = past_test_compute(test, today=TODAY)["trend"]
    assert trend["days"] == ["2026-03-01", "2026-03-02", "2026-03-03"]
    line = trend["lines"][0]
    assert line["lift"] == pytest.approx([0.5] * 3)
    assert line["high"][2] - line["low"][2] < line["high"][0] - line["low"][0]


@pytest.mark.parametrize(
    ("head", "tail", "code"),
    [
        ("day", "2026-03-01", "inconclusive"),
        ("start,end", "2026-03-01,2026-03-01", "inconclusive"),
        ("start,end", "2026-03-01,2026-03-07", "ship"),
        ("start", "2026-03-01", "ship"),  # when it ended the file does not say
        ("end", "2026-03-01", "ship"),
    ],
)
def test_a_test_of_one_day_is_no_week(head, tail, code):
    assert verdict_of(f"arm,n,x,{head}\nA,5000,500,{tail}\nB,5000,700,{tail}\n") == code


def test_events_of_one_day_are_no_week():
    rows = [f"u{n},{'AB'[n % 2]},view" for n in range(800)]
    rows += [f"u{n},{'AB'[n % 2]},click" for n in range(800) if n // 2 % 10 < (3, 5)[n % 2]]
    for at, code in (("", "ship"), ("2026-03-01T10:00:00Z", "inconclusive")):
        text = "user,arm,event,timestamp\n" + "\n".join(f"{row},{at}" for row in rows)
        assert verdict_of(text, "events") == code


def test_nobody_is_said_to_have_planned_the_sample_that_came():
    test = read("arm,n,x\nA,500,50\nB,500,52\n").tests[0]
    reasons = past_test_compute(test, today=TODAY)["verdict"]["reasons"]
    assert [reason for reason in reasons if "planned" in reason] == [
        "What sample was planned is not known: a real difference may have been missed; read the interval."
    ]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1.234,56", 1234.56),
        ("1.234.567,8", 1234567.8),
        ("1.234.567", 1234567),
        ("1,234.56", 1234.56),
        ("1,234,567", 1234567),
        ("12,345", 12345),
        ("0,052", 0.052),
        ("-0,125", -0.125),
        ("1234,567", 1234.567),
        ("1,5", 1.5),
        ("1.234", 1.234),
        ("1 234,5", 1234.5),
    ],
)
def test_numbers_are_read_as_they_are_written_on_either_side_of_the_channel(text, number):
    found = read(f"arm;n;sum;sum_of_squares\nA;100;{text};99999999999\n")
    assert found.tests[0].arms[0].sums.y == pytest.approx(number)


@pytest.mark.parametrize("text", ["24.12.2025", "12.34,5", "1.234,567.8", "1.2.3"])
def test_what_is_no_number_on_either_side_is_refused(text):
    found = read(f"arm;n;sum;sum_of_squares\nA;100;{text};99999999999\n")
    assert [p.code for p in found.problems] == ["bad_number"]


@pytest.mark.parametrize("is_total_first", [True, False])
def test_a_total_is_not_added_to_its_days(is_total_first):
    total, days = ["A,,3000,300"], ["A,2026-03-01,1000,100", "A,2026-03-02,2000,200"]
    found = read("arm,day,n,x\n" + "\n".join(total + days if is_total_first else days + total) + "\n")
    (arm,) = found.tests[0].arms
    assert (arm.sums.n, arm.sums.y) == (3000, 300)
    assert {p.code for p in found.problems} == {"arm_twice"}
    assert found.tests[0].ended_on == (None if is_total_first else date(2026, 3, 2))


def test_a_sum_of_values_is_not_called_successes():
    test = read("arm,n,sum,sum_of_squares\nA,150,-3000,90000\nB,150,30,90000\n").tests[0]
    enough = next(c for c in past_test_compute(test, today=TODAY)["health"] if c["key"] == "enough")
    assert (enough["level"], enough["sentence"]) == ("ok", "The smallest arm has 150 shoppers.")


# --- through the pages and the API
@pytest.mark.django_db
def test_several_hundred_tests_from_the_page_to_their_verdicts(alice_client, mallory_client, shop):
    rng = random.Random(5)
    lines = ["what,who,people,yes"]
    for number in range(300):
        lift = 1.5 if number % 10 == 0 else 1.0
        for arm, rate in (("old", 0.1), ("new", 0.1 * lift)):
            lines.append(f"Test {number},{arm},4000,{sum(rng.random() < rate for _ in range(400)) * 10}")
    lines.append("Test 0,third,oops,1")
    file = SimpleUploadedFile("old.csv", "\n".join(lines).encode(), "text/csv")
    page = alice_client.post(reverse("past-import-create"), {"file": file, "shape": "sums"}, follow=True)
    row = PastTestImport.objects.get()
    assert "Which column is what?" in page.content.decode()
    run = reverse("past-import-run", args=[row.pk])
    assert "Name the column" in alice_client.post(run, {"test": "what"}, follow=True).content.decode()
    assert mallory_client.post(run, {}).status_code == 404
    mapping = {"test": "what", "arm": "who", "shoppers": "people", "successes": "yes"}
    alice_client.post(run, mapping)
    past_imports_read()
    detail = alice_client.get(reverse("past-import-detail", args=[row.pk])).content.decode()
    assert "300" in detail
    assert "bad_number" in detail
    assert PastTest.objects.count() == 300
    assert "already" in alice_client.post(run, mapping, follow=True).content.decode()
    listed = alice_client.get(reverse("past-test-list"), {"q": "Test 10", "verdict": "ship"}).content.decode()
    assert "Test 10" in listed
    test = PastTest.objects.filter(verdict="ship").first()
    shown = alice_client.get(reverse("past-test-detail", args=[test.pk])).content.decode()
    assert "Ship it" in shown
    assert mallory_client.get(reverse("past-test-detail", args=[test.pk])).status_code == 404
    alice_client.post(reverse("past-import-delete", args=[row.pk]))
    assert not PastTest.objects.exists()


@pytest.mark.django_db
def test_a_sequence_is_told_day_by_day_as_it_is_drawn(api, alice_client):
    arms = {"A": 100, "B": 150, "C": 120, "D": 130, "E": 110}  # the fifth has no line and no bar
    rows = [f"{arm},2026-03-0{day},{1000 + day},{x}" for arm, x in arms.items() for day in (1, 2)]
    api.post("/api/v1/past-tests/imports", {"text": "arm,day,n,x\n" + "\n".join(rows)}, format="json")
    past_imports_read()
    page = alice_client.get(reverse("past-test-detail", args=[PastTest.objects.get().pk])).content.decode()
    table = page[page.index("Both charts as a table") : page.index("<h2>Verdict")]
    assert table.count("<tr>") == 3
    assert "2 Mar 2026" in table
    assert (table.count("1,002"), table.count("Lift so far:"), table.count(" to +")) == (4, 3, 6)


@pytest.mark.django_db
def test_the_api_imports_and_tells(api, other_api, shop):
    text = "test,arm,n,x\nT,A,5000,500\nT,B,5000,700\n"
    made = api.post("/api/v1/past-tests/imports", {"text": text}, format="json")
    assert made.status_code == 202, made.content
    past_imports_read()
    url = f"/api/v1/past-tests/imports/{made.json()['id']}"
    assert api.get(url).json()["test_count"] == 1
    listed = api.get("/api/v1/past-tests", {"verdict": "ship"}).json()["results"]
    assert [row["name"] for row in listed] == ["T"]
    found = api.get(f"/api/v1/past-tests/{listed[0]['id']}").json()
    assert found["content"]["verdict"]["arm"] == "B"
    assert other_api.get(f"/api/v1/past-tests/{listed[0]['id']}").status_code == 404
    refused = api.post("/api/v1/past-tests/imports", {"text": "a,b\n1,2\n"}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (400, "mapping_invalid")
    assert PastTestImport.objects.count() == 1
    assert (
        api.post("/api/v1/past-tests/imports", {"text": "x"}, format="json").json()["code"]
        == "file_unreadable"
    )
    assert api.delete(url).status_code == 204
