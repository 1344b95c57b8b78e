"""The Content-Security-Policy: strict on every page, looser only for the staff's raw records."""

import pytest


@pytest.mark.django_db
def test_no_page_may_run_or_style_what_stands_in_it(client):
    policy = client.get("/login/")["Content-Security-Policy"]
    directives = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
    assert directives["script-src"] == "'self'"
    assert "unsafe" not in directives["style-src"] + directives["style-src-elem"]
    assert directives["object-src"] == directives["base-uri"] == directives["frame-ancestors"] == "'none'"


@pytest.mark.django_db
def test_only_the_admin_may_evaluate(client):
    assert "'unsafe-eval'" in client.get("/admin/login/")["Content-Security-Policy"]
    for path in ("/login/", "/api/v1/docs", "/campaigns/", "/nowhere/", "/healthz"):
        assert "unsafe-eval" not in client.get(path).get("Content-Security-Policy", ""), path
