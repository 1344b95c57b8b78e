"""Pages of experiments: list, wizard, review."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from accounts.permissions import WRITING_ROLES, MemberRequest, member_required
from adplatform.lib.errors import DomainError, NotFound
from analytics import experiment_services
from analytics.experiment_forms import DESIGNS, ExperimentForm, PlanForm
from analytics.experiment_metrics import metric_unit
from analytics.experiment_pictures import pictures_grid
from analytics.simulated import has_simulated_traffic
from campaigns import experiment_services as campaigns_services
from campaigns.challenger_selectors import challenger_unready, pairs_get
from campaigns.experiment_approval import may_approve
from campaigns.experiment_selectors import experiment_get, experiment_list
from campaigns.models import Experiment, ExperimentArm

PAGE_SIZE = 25
PAIRS_SHOWN = 12  # in the wizard
FIELDS = {"min_effect_rate": "effect_percent", "traffic_rate": "traffic_percent", "arms": "control_percent"}


@member_required()
@require_GET
def experiment_list_view(request: MemberRequest) -> HttpResponse:
    """All experiments, newest first."""
    q, status = request.GET.get("q", "").replace("\x00", ""), request.GET.get("status", "")
    found = experiment_list(advertiser_id=request.advertiser.pk, search=q, status=status)
    page = Paginator(found.select_related("campaign", "report"), PAGE_SIZE).get_page(request.GET.get("page"))
    return render(
        request,
        "experiments/experiment_list.html",
        {
            "page_obj": page,
            "q": q,
            "status": status,
            "statuses": Experiment.Status.choices,
            "has_simulated": has_simulated_traffic(
                advertiser_id=request.advertiser.pk, campaign_ids=[row.campaign_id for row in page]
            ),
            "may_write": _may_write(request),
        },
    )


@member_required(roles=WRITING_ROLES)
def experiment_create(request: MemberRequest) -> HttpResponse:
    """The wizard: one page with a power calculation from the campaign's real traffic."""
    form = ExperimentForm(
        request.POST or None,
        advertiser=request.advertiser,
        initial={
            "campaign": request.GET.get("campaign"),
            "design": request.GET.get("design") if request.GET.get("design") in DESIGNS else "match",
        },
    )
    if request.method == "POST" and form.is_valid():
        try:
            experiment = campaigns_services.experiment_create(
                advertiser=request.advertiser, user=request.user, **form.plan()
            )
        except DomainError as error:
            _add_errors(form, error)
        else:
            messages.success(request, "The experiment is a draft. Look it over, then start it.")
            return redirect("experiment-detail", experiment.pk)
    return render(
        request,
        "experiments/experiment_create.html",
        {
            "form": form,
            "designs": DESIGNS,
            "design": form["design"].value() or "match",
            "has_simulated": has_simulated_traffic(advertiser_id=request.advertiser.pk),
        },
    )


@member_required(roles=WRITING_ROLES)
@require_GET
def experiment_plan(request: MemberRequest) -> HttpResponse:
    """The power calculation, asked by the wizard whenever something changes."""
    form = PlanForm(request.GET, advertiser=request.advertiser)
    plan = None
    if form.is_valid():
        data = form.cleaned_data
        plan = experiment_services.plan_make(
            advertiser=request.advertiser,
            campaign_id=data["campaign"].pk,
            metric=data["primary_metric"],
            effect=data["effect_percent"] / 100,
            weights=[arm.weight for arm in form.arms()],
            traffic_rate=data["traffic_percent"] / 100,
        )
    if plan is not None and plan.needed is not None and "use" in request.GET:
        filled = {"planned_shoppers": plan.needed, "planned_days": plan.full_weeks}
        fields = ExperimentForm(advertiser=request.advertiser, initial=filled)
        return render(request, "experiments/_plan_fields.html", {"form": fields})
    shoppers, days = (_whole_number(request.GET.get(f"planned_{name}", "")) for name in ("shoppers", "days"))
    context = {
        "plan": plan,
        "form": form,
        "metric": form["primary_metric"].value(),
        "warnings": plan.warnings(shoppers=shoppers, days=days) if plan and shoppers and days else [],
    }
    return render(request, "experiments/_plan.html", context)


@member_required(roles=WRITING_ROLES)
@require_GET
def experiment_pictures(request: MemberRequest) -> HttpResponse:
    """A campaign's pictures beside their challengers; the wizard asks where the design compares them."""
    form = PlanForm(request.GET, advertiser=request.advertiser)
    form.is_valid()
    campaign = form.cleaned_data.get("campaign")
    pairs = pairs_get(campaign=campaign, only_challenged=True) if campaign else []
    context = {
        "campaign": campaign,
        "pairs": pairs[:PAIRS_SHOWN],
        "more": len(pairs[PAIRS_SHOWN:]),
        "challenged_count": len(pairs),
        "ready_count": sum(pair.is_ready for pair in pairs),
    }
    return render(request, "experiments/_wizard_pictures.html", context)


@member_required()
@require_GET
def experiment_detail(request: MemberRequest, experiment_id: UUID) -> HttpResponse:
    """The review page: health, numbers, trend, exploration, verdict, log."""
    return render(request, "experiments/experiment_detail.html", _detail_context(request, experiment_id))


@member_required(roles=WRITING_ROLES)
@require_POST
def experiment_start(request: MemberRequest, experiment_id: UUID) -> HttpResponse:
    """Begin to split shoppers."""
    return _act(
        request,
        experiment_id,
        "Running: new visits are split from now on.",
        lambda: campaigns_services.experiment_start(
            advertiser=request.advertiser, experiment_id=experiment_id, now=timezone.now(), user=request.user
        ),
    )


@member_required(roles=WRITING_ROLES)
@require_POST
def experiment_delete(request: MemberRequest, experiment_id: UUID) -> HttpResponse:
    """Throw a draft away."""
    _experiment(request, experiment_id)
    try:
        campaigns_services.experiment_delete(advertiser=request.advertiser, experiment_id=experiment_id)
    except DomainError as error:
        messages.error(request, error.message)
        return redirect("experiment-detail", experiment_id)
    messages.success(request, "The draft is gone.")
    return redirect("experiment-list")


@member_required(roles=WRITING_ROLES)
@require_POST
def experiment_stop(request: MemberRequest, experiment_id: UUID) -> HttpResponse:
    """End the split before its planned end."""
    return _act(
        request,
        experiment_id,
        "Stopped. Its figures stay.",
        lambda: campaigns_services.experiment_stop(
            advertiser=request.advertiser,
            experiment_id=experiment_id,
            now=timezone.now(),
            comment=request.POST.get("comment", "")[:1000],
            user=request.user,
        ),
    )


@member_required(roles=WRITING_ROLES)
@require_POST
def experiment_decide(request: MemberRequest, experiment_id: UUID) -> HttpResponse:
    """``choice`` is ``ship:<arm>``, ``roll_back`` or ``no_change``; ``seen_at`` tells which figures.

    When newer ones have come they are shown, with what the person wrote, and nothing is decided.
    """
    _experiment(request, experiment_id)
    choice, comment = request.POST.get("choice", ""), request.POST.get("comment", "")
    outcome, _, arm = choice.partition(":")
    try:
        experiment_services.experiment_decide(
            advertiser=request.advertiser,
            experiment_id=experiment_id,
            outcome=outcome,
            arm=arm,
            comment=comment,
            now=timezone.now(),
            seen_at=_moment(request.POST.get("seen_at", "")),
            user=request.user,
        )
    except DomainError as error:
        _tell(request, error)
        if error.code == "report_changed":
            context = _detail_context(request, experiment_id) | {"choice": choice, "comment": comment}
            return render(request, "experiments/experiment_detail.html", context, status=error.status)
    else:
        messages.success(request, "Decided. The figures you saw are kept with the decision.")
    return redirect("experiment-detail", experiment_id)


@member_required(roles=WRITING_ROLES)
@require_POST
def experiment_ask(request: MemberRequest, experiment_id: UUID) -> HttpResponse:
    """Ask another person; ``choice`` is ``start`` or ``ship:<arm>``."""
    action, _, arm = request.POST.get("choice", "").partition(":")
    return _act(
        request,
        experiment_id,
        "Asked. Another person of the shop can approve or decline it here.",
        lambda: campaigns_services.experiment_ask(
            advertiser=request.advertiser,
            experiment_id=experiment_id,
            action=action,
            arm=arm,
            comment=request.POST.get("comment", ""),
            now=timezone.now(),
            user=request.user,
        ),
    )


@member_required(roles=WRITING_ROLES)
@require_POST
def experiment_decline(request: MemberRequest, experiment_id: UUID) -> HttpResponse:
    """Do not do what was asked for."""
    return _act(
        request,
        experiment_id,
        "Declined.",
        lambda: campaigns_services.experiment_decline(
            advertiser=request.advertiser,
            experiment_id=experiment_id,
            comment=request.POST.get("comment", ""),
            user=request.user,
        ),
    )


@member_required()
@require_POST
def experiment_refresh(request: MemberRequest, experiment_id: UUID) -> HttpResponse:
    """Ask a worker for fresh figures; the page looks again until they are there."""
    return _act(
        request,
        experiment_id,
        "Fresh figures are being computed.",
        lambda: experiment_services.report_request(
            advertiser=request.advertiser, experiment_id=experiment_id, now=timezone.now()
        ),
    )


@member_required()
@require_GET
def experiment_waiting(request: MemberRequest, experiment_id: UUID) -> HttpResponse:
    """Polled while a worker computes: once the figures are there the page reloads itself."""
    experiment = _experiment(request, experiment_id)
    report = experiment_services.report_find(experiment=experiment)
    if report is not None and report.requested_at is None:
        return HttpResponse(headers={"HX-Refresh": "true"})
    return render(request, "experiments/_waiting.html", {"experiment": experiment})


def _experiment(request: MemberRequest, experiment_id: UUID) -> Experiment:
    try:
        return experiment_get(advertiser_id=request.advertiser.pk, experiment_id=experiment_id)
    except NotFound:
        raise Http404 from None


def _detail_context(request: MemberRequest, experiment_id: UUID) -> dict[str, Any]:
    experiment = _experiment(request, experiment_id)
    report = experiment_services.report_find(experiment=experiment)
    content = experiment_services.report_content(experiment=experiment)
    trend: dict[str, Any] = {}
    if content:
        from analytics.experiment_charts import trend_context

        trend = trend_context(content)
    metrics = content.get("metrics", [])
    for metric in metrics:  # frozen before metrics had a unit
        metric.setdefault("unit", metric_unit(metric["metric"]))
    asked = request.GET.get("by", "")
    by = next((m for m in metrics if m["metric"] == asked), metrics[0] if metrics else None)
    arms = list(experiment.arms.all())
    total = sum(arm.weight for arm in arms)
    return {
        "experiment": experiment,
        "has_simulated": has_simulated_traffic(
            advertiser_id=request.advertiser.pk, campaign_ids=[experiment.campaign_id]
        ),
        "arms": [(arm, arm.weight / total) for arm in arms],
        "pictures": pictures_grid(experiment=experiment, content=content),
        "report": report,
        "content": content,
        **trend,
        "secondary": [metric for metric in metrics if metric["role"] == "secondary"],
        "by": by["metric"] if by else "",
        "by_unit": by.get("unit", "rate") if by else "rate",
        "exploration": [r for r in content.get("dimensions", []) if by and r["metric"] == by["metric"]],
        "currency": request.advertiser.currency,
        "guardrails": [
            (Experiment.Metric(rail["metric"]).label, rail["margin_rate"]) for rail in experiment.guardrails
        ],
        "may_write": _may_write(request),
        "may_approve": may_approve(experiment, request.user),
        "shippable": [arm for arm in arms if arm.rule != ExperimentArm.Rule.OTHER_SEGMENT],
        "coverage": (
            campaigns_services.experiment_coverage(experiment)
            if experiment.status == Experiment.Status.DRAFT
            else None
        ),
        "unready": (
            challenger_unready(campaign=experiment.campaign)
            if experiment.status == Experiment.Status.DRAFT
            and any(arm.rule == ExperimentArm.Rule.CHALLENGER for arm in arms)
            else []
        ),
        "is_waiting": report is not None and report.requested_at is not None,
        "plan_warnings": _plan_warnings(experiment) if experiment.status == Experiment.Status.DRAFT else [],
    }


def _plan_warnings(experiment: Experiment) -> list[str]:
    plan = experiment_services.plan_make(
        advertiser=experiment.advertiser,
        campaign_id=experiment.campaign_id,
        metric=experiment.primary_metric,
        effect=experiment.min_effect_rate,
        weights=[arm.weight for arm in experiment.arms.all()],
        traffic_rate=experiment.traffic_rate,
    )
    return plan.warnings(shoppers=experiment.planned_shoppers, days=experiment.planned_days)


def _act(request: MemberRequest, experiment_id: UUID, done: str, action: Any) -> HttpResponse:
    _experiment(request, experiment_id)
    try:
        action()
    except DomainError as error:
        _tell(request, error)
    else:
        messages.success(request, done)
    return redirect("experiment-detail", experiment_id)


def _tell(request: MemberRequest, error: DomainError) -> None:
    sentences = [sentence for found in error.errors.values() for sentence in found]
    messages.error(request, " ".join(sentences) or error.message)


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None


def _whole_number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) <= 10 else 0


def _add_errors(form: ExperimentForm, error: DomainError) -> None:
    for field, sentences in error.errors.items():
        name = FIELDS.get(field, field)
        form.add_error(name if name in form.fields else None, sentences)
    if not error.errors:
        form.add_error(None, error.message)


def _may_write(request: HttpRequest) -> bool:
    return request.membership.role in WRITING_ROLES  # type: ignore[attr-defined]
