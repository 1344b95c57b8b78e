"""The API's shapes of campaigns and placements: what may come in, what goes out, field by field."""

from __future__ import annotations

from rest_framework import serializers

from campaigns.limit_checks import LIMIT_FIELDS
from campaigns.models import DEVICES, Campaign, Placement
from campaigns.planning import VARIANTS_MAX, Change
from campaigns.weight_services import WEIGHT_MAX


def id_list() -> serializers.ListField:
    """A list of ids that may be left out."""
    return serializers.ListField(child=serializers.UUIDField(), required=False, max_length=VARIANTS_MAX)


def _limit(maximum: int, help_text: str) -> serializers.IntegerField:
    return serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=maximum, help_text=help_text
    )


class CampaignInput(serializers.Serializer):
    """What a client may set; status moves through its own endpoints."""

    name = serializers.CharField(max_length=120)
    language = serializers.ChoiceField(choices=Campaign.Language.choices, required=False)
    style = serializers.CharField(  # type: ignore[assignment]
        max_length=40, required=False, help_text="A style preset's key."
    )
    template = serializers.CharField(
        max_length=40, required=False, allow_blank=True, help_text="A layout's id; blank: chosen by style."
    )
    model = serializers.CharField(
        max_length=80, required=False, allow_blank=True, help_text="Blank: the default image model."
    )
    keeps_product = serializers.BooleanField(
        required=False, help_text="The model paints the scene around the product; for models that inpaint."
    )
    headline = serializers.CharField(
        max_length=60, required=False, allow_blank=True, help_text="Blank: written for each segment."
    )
    starts_at = serializers.DateTimeField(required=False, allow_null=True)
    ends_at = serializers.DateTimeField(required=False, allow_null=True)
    priority = serializers.IntegerField(required=False, min_value=1, max_value=100)
    is_house = serializers.BooleanField(
        required=False, help_text="Shown only where nothing else may be; without segments."
    )
    devices = serializers.ListField(
        child=serializers.ChoiceField(choices=DEVICES), required=False, max_length=4, help_text="Empty: all."
    )
    weekdays = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=6),
        required=False,
        max_length=7,
        help_text="0 is Monday, in the advertiser's time zone; empty: all.",
    )
    hour_from = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=23)
    hour_until = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=24, help_text="22 until 6 spans midnight."
    )
    cap_daily = _limit(32767, "Impressions a shopper may see in a day.")
    cap_weekly = _limit(32767, "In a week, which begins on Monday.")
    rate_unit = serializers.ChoiceField(choices=Campaign.RateUnit.choices, required=False)
    rate_cents = _limit(2_147_483_647, "What 1,000 impressions or a click cost. A change re-values the past.")
    budget_cents = _limit(10**15, "In the advertiser's currency; null: without a limit.")
    daily_budget_cents = _limit(10**15, "For a day of the advertiser's time zone.")
    is_paced = serializers.BooleanField(required=False, help_text="Spread a day's budget over the day.")
    products = id_list()
    segments = id_list()
    placements = id_list()


class CampaignProgressOutput(serializers.Serializer):
    """How far pictures and creatives are."""

    variants = serializers.IntegerField(source="variant_count")
    waiting = serializers.IntegerField(source="waiting_count")
    rendering = serializers.IntegerField(source="rendering_count")
    done = serializers.IntegerField(source="done_count")
    failed = serializers.IntegerField(source="failed_count")
    creatives = serializers.DictField(child=serializers.IntegerField(), help_text="Creatives by status.")


class CampaignOutput(serializers.ModelSerializer):
    """A campaign as its owner sees it."""

    products: serializers.Field = serializers.PrimaryKeyRelatedField(many=True, read_only=True)
    segments: serializers.Field = serializers.PrimaryKeyRelatedField(many=True, read_only=True)
    placements: serializers.Field = serializers.PrimaryKeyRelatedField(many=True, read_only=True)
    progress = CampaignProgressOutput(read_only=True)

    class Meta:
        model = Campaign
        fields = [
            "id",
            "name",
            "status",
            "language",
            "style",
            "template",
            "model",
            "keeps_product",
            "headline",
            "starts_at",
            "ends_at",
            "priority",
            *LIMIT_FIELDS,
            "products",
            "segments",
            "placements",
            "progress",
            "created_at",
            "updated_at",
        ]
        read_only_fields = fields


class PromptPartOutput(serializers.Serializer):
    """Some words of a prompt and where they came from."""

    slot = serializers.CharField()
    text = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]


class PlannedVariantOutput(serializers.Serializer):
    """One picture the campaign has or would have."""

    product = serializers.UUIDField(source="product.pk")
    product_title = serializers.CharField(source="product.title")
    segment = serializers.UUIDField(source="segment.pk", allow_null=True, default=None)
    segment_name = serializers.CharField(source="segment.name", allow_null=True, default=None)
    prompt = serializers.CharField(source="prompt.text")
    motif = serializers.CharField(source="prompt.motif")
    negative_prompt = serializers.CharField(source="prompt.negative")
    seed = serializers.IntegerField(source="prompt.seed")
    prompt_parts = PromptPartOutput(source="prompt.parts", many=True)
    is_rendered = serializers.BooleanField()
    changes = serializers.ListField(child=serializers.ChoiceField(choices=[c.value for c in Change]))


class CampaignPlanOutput(serializers.Serializer):
    """The numbers of a plan and one page of its variants."""

    pictures = serializers.IntegerField(source="picture_count")
    new_pictures = serializers.IntegerField(source="new_picture_count")
    creatives = serializers.IntegerField(source="creative_count")
    sizes = serializers.ListField(child=serializers.CharField(), source="size_names")
    seconds_estimated = serializers.IntegerField(
        allow_null=True, help_text="Null before the first picture of this model was rendered."
    )
    variants = PlannedVariantOutput(many=True)


class CampaignGenerateInput(serializers.Serializer):
    """Null or missing: a draft replaces outdated pictures, a launched campaign keeps them."""

    include_outdated = serializers.BooleanField(required=False, allow_null=True, default=None)


class CampaignGenerateOutput(serializers.Serializer):
    """What the call did."""

    variants = serializers.IntegerField(source="variant_count")
    created = serializers.IntegerField(source="created_count")
    requested = serializers.IntegerField(source="requested_count")
    current = serializers.IntegerField(source="current_count")
    outdated = serializers.IntegerField(source="outdated_count")
    batch_id = serializers.UUIDField(allow_null=True, help_text="Steers its render jobs together.")


class VariantWeightInput(serializers.Serializer):
    """A variant and its weight."""

    variant = serializers.UUIDField()
    weight = serializers.FloatField(
        min_value=0, max_value=WEIGHT_MAX, help_text="0 takes the variant out of the draw."
    )


class CampaignWeightsInput(serializers.Serializer):
    """Weights of some or all variants of a campaign."""

    weights = VariantWeightInput(many=True, max_length=VARIANTS_MAX)  # type: ignore[call-arg]
    comment = serializers.CharField(max_length=500, default="", allow_blank=True, help_text="Why; kept.")


class CampaignWeightsOutput(serializers.Serializer):
    """What the call did."""

    changed = serializers.IntegerField()


class PlacementInput(serializers.Serializer):
    """A new placement."""

    name = serializers.CharField(max_length=80)
    code = serializers.SlugField(max_length=60)
    width = serializers.IntegerField(min_value=1, max_value=5000, help_text="300x250, 728x90 and others.")
    height = serializers.IntegerField(min_value=1, max_value=5000)


class PlacementPatchInput(serializers.Serializer):
    """What may change afterwards; the size stays, because creatives were made for it."""

    name = serializers.CharField(max_length=80, required=False)
    code = serializers.SlugField(max_length=60, required=False)
    is_active = serializers.BooleanField(required=False)


class PlacementOutput(serializers.ModelSerializer):
    """A placement."""

    class Meta:
        model = Placement
        fields = ["id", "name", "code", "width", "height", "is_active", "created_at"]
        read_only_fields = fields
