"""Every table in every format gives back what the page shows, and nothing in it is ever a formula."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
import zipfile

import pyarrow.parquet
import pytest

from analytics.exports import FORMATS, Table, csv_bytes, parquet_bytes, xlsx_bytes
from analytics.report_tables import TABLES
from tests.analytics.test_reports import API, FORMULAS, World

HOSTILE = Table("x", ("text", "number"), [(text, -1.5) for text in FORMULAS])


def sheet_of(content):
    book = zipfile.ZipFile(io.BytesIO(content))
    return book.read("xl/worksheets/sheet1.xml").decode(), book.read("xl/sharedStrings.xml").decode()


def test_a_workbook_holds_no_formula_and_no_link():
    sheet, strings = sheet_of(xlsx_bytes(HOSTILE))
    assert "<f>" not in sheet
    assert "hyperlink" not in sheet.lower()
    assert "HYPERLINK(&quot;https://evil.test&quot;)" in strings or "HYPERLINK(" in strings
    assert sheet.count('t="s"') == len(FORMULAS) + 2
    assert "-1.5" in sheet


def test_parquet_gives_back_texts_and_numbers_exactly():
    table = pyarrow.parquet.read_table(io.BytesIO(parquet_bytes(HOSTILE)))
    assert table.column("text").to_pylist() == FORMULAS
    assert table.column("number").to_pylist() == [-1.5] * len(FORMULAS)


@pytest.mark.parametrize("write", [csv_bytes, parquet_bytes, xlsx_bytes])
def test_a_table_without_rows_is_a_file_too(write):
    assert write(Table("nothing", ("a", "b"), []))


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("form", FORMATS)
def test_every_table_comes_in_every_format(alice_client, shop, name, form):
    World(shop, headline="=1+1", name="-2+3")
    answer = alice_client.get(f"/performance/export.{form}", {"table": name, "period": "1d"})
    assert answer.status_code == 200
    assert answer["Content-Disposition"].endswith(f'.{form}"')
    if form == "xlsx":
        assert "<f>" not in sheet_of(answer.content)[0]
    elif form == "csv":
        cells = [cell for row in csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))) for cell in row]
        assert len(cells) > 6
        assert not any(cell.startswith(("=", "@", "-2")) for cell in cells)
    else:
        assert pyarrow.parquet.read_table(io.BytesIO(answer.content)).num_rows > 0


def test_the_files_hold_the_figures_of_the_api(alice_client, api, shop):
    world = World(shop)
    filters = {"campaign": str(world.campaign.pk), "device": "mobile", "period": "7d"}
    report = api.get(API, filters).json()

    def read(name):
        answer = alice_client.get("/performance/export.parquet", {**filters, "table": name})
        return pyarrow.parquet.read_table(io.BytesIO(answer.content)).to_pylist()

    figures = {row["figure"]: row["value"] for row in read("figures")}
    assert (figures["impressions"], figures["clicks"]) == (40, 4)
    assert figures["click_rate"] == report["totals"]["click_rate"]["value"]
    assert [row["impressions"] for row in read("days")] == [p["impressions"] for p in report["series"]]
    assert [row["count"] for row in read("funnel")] == [stage["count"] for stage in report["funnel"]]
    assert read("creatives")[0]["click_rate_shrunk"] == report["leaders"][0]["line"]["shrunk"]["mean"]


def test_the_rows_behind_a_number_are_a_file_too(alice_client, shop):
    World(shop)
    answer = alice_client.get("/performance/events/export.csv", {"of": "clicks"})
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert len(rows) == 4
    assert {row["headline"] for row in rows} == {"Warm boots"}
    assert all(row["shopper"] != "ann" for row in rows)


def test_importing_the_project_loads_no_writer():
    code = (
        "import os, sys; os.environ['DJANGO_SETTINGS_MODULE'] = 'tests.settings';"
        "import django; django.setup(); import adplatform.urls;"
        "sys.exit(any(m in sys.modules for m in ('pyarrow', 'xlsxwriter', 'pandas')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603
