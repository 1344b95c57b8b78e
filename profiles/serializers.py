"""What profiles' API takes and gives. Explicit fields only."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from profiles.behaviours import BATCH_LIMIT, EVENT_ID_LIMIT, KINDS, PRODUCT_ID_LIMIT, TEXT_LIMIT
from profiles.consent import Purpose
from profiles.group_sizes import size_told
from profiles.models import Segment
from profiles.pseudonyms import SHOPPER_KEY_LIMIT
from profiles.segment_services import NAME_LIMIT
from profiles.tcf import LONGEST


class BehaviourItemSerializer(serializers.Serializer[Any]):
    """One behaviour. Documentation only: items are checked one by one, so that a bad one refuses itself."""

    event_id = serializers.CharField(
        max_length=EVENT_ID_LIMIT, help_text="Your own id: sending it twice stores it once."
    )
    shopper = serializers.CharField(
        max_length=SHOPPER_KEY_LIMIT, required=False, help_text="Your key of the shopper; never stored as is."
    )
    kind = serializers.ChoiceField(choices=sorted(KINDS))
    text = serializers.CharField(
        max_length=TEXT_LIMIT,
        required=False,
        help_text="Search words or a stated interest, English or Chinese; for a product, its title.",
    )
    category = serializers.CharField(
        max_length=TEXT_LIMIT, required=False, help_text='The product\'s category: "Apparel > Shoes".'
    )
    product_id = serializers.CharField(max_length=PRODUCT_ID_LIMIT, required=False)
    occurred_at = serializers.DateTimeField(
        required=False, help_text="ISO 8601 with its zone; missing means now."
    )


class BehaviourBatchSerializer(serializers.Serializer[Any]):
    """Up to 500 behaviours; ``shopper`` stands for every item that names none."""

    shopper = serializers.CharField(max_length=SHOPPER_KEY_LIMIT, required=False)
    behaviours = serializers.ListField(child=BehaviourItemSerializer(), max_length=BATCH_LIMIT)


class RejectedItemSerializer(serializers.Serializer[Any]):
    index = serializers.IntegerField()
    code = serializers.CharField()


class RecordResultSerializer(serializers.Serializer[Any]):
    """What became of the batch; the counts add up to its length."""

    accepted = serializers.IntegerField()
    duplicates = serializers.IntegerField()
    rejected = RejectedItemSerializer(many=True)


class ConsentInputSerializer(serializers.Serializer[Any]):
    """What the shopper answered to which text: one of ``personalisation``, ``purposes`` and ``tc_string``.

    ``personalisation`` true agrees to all four purposes, false withdraws them all.
    """

    shopper = serializers.CharField(max_length=SHOPPER_KEY_LIMIT)
    personalisation = serializers.BooleanField(required=False)
    purposes = serializers.MultipleChoiceField(
        choices=sorted(Purpose), required=False, help_text="Those agreed to; [] withdraws."
    )
    tc_string = serializers.CharField(
        max_length=LONGEST, required=False, help_text="Of a TCF v2 consent management platform."
    )
    objection = serializers.BooleanField(
        required=False,
        allow_null=True,
        default=None,
        help_text="True outweighs any consent until it is taken back with false.",
    )
    text_version = serializers.CharField(max_length=40, required=False, help_text="Not with tc_string.")
    source = serializers.CharField(max_length=40, default="storefront")  # type: ignore[assignment]
    language = serializers.CharField(max_length=10, required=False, default="", allow_blank=True)
    is_minor = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="A minor is never profiled."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        said = [name for name in ("personalisation", "purposes", "tc_string") if name in attrs]
        if len(said) != 1:
            raise serializers.ValidationError(
                {"personalisation": ["Send one of personalisation, purposes and tc_string."]}
            )
        if "tc_string" not in attrs and "text_version" not in attrs:
            raise serializers.ValidationError({"text_version": ["Say which text the shopper answered to."]})
        return attrs


class ConsentSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    purposes = serializers.ListField(child=serializers.ChoiceField(choices=sorted(Purpose)))
    personalisation = serializers.BooleanField(help_text="Whether these allow a profile to be made and used.")
    objection = serializers.BooleanField(allow_null=True)
    was_opted_out = serializers.BooleanField(help_text="Sec-GPC came with it, so nothing is granted.")
    text_version = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]
    recorded_at = serializers.DateTimeField(source="created_at")


class InterestSerializer(serializers.Serializer[Any]):
    """An entry of the taxonomy; ``iab_id`` is empty where the IAB's has none that fits."""

    id = serializers.CharField()
    parent = serializers.CharField()  # type: ignore[assignment]
    iab_id = serializers.CharField()
    label_en = serializers.CharField()
    label_zh = serializers.CharField()


class InterestListSerializer(serializers.Serializer[Any]):
    taxonomy = serializers.CharField()
    interests = InterestSerializer(many=True)


class MapInputSerializer(serializers.Serializer[Any]):
    text = serializers.CharField(max_length=TEXT_LIMIT)


class MappedInterestSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    label_en = serializers.CharField()
    label_zh = serializers.CharField()
    share_rate = serializers.FloatField()


class MatchSerializer(serializers.Serializer[Any]):
    word = serializers.CharField()
    entry = serializers.CharField()
    interests = serializers.ListField(child=serializers.CharField())
    certain = serializers.BooleanField(help_text="False: the word only looks like the entry.")


class MappingSerializer(serializers.Serializer[Any]):
    """Interests of a text, and the words that led to them."""

    interests = MappedInterestSerializer(many=True)
    matches = MatchSerializer(many=True)
    is_sensitive = serializers.BooleanField()


class InterestWeightSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    label_en = serializers.CharField()
    label_zh = serializers.CharField()
    iab_id = serializers.CharField()
    weight = serializers.FloatField()


class ProfileSegmentSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    strength = serializers.FloatField()


class ProfileSerializer(serializers.Serializer[Any]):
    """Everything that personalisation knows of a shopper."""

    pseudonym = serializers.CharField()
    language = serializers.CharField()
    personalisation_allowed = serializers.BooleanField()
    is_minor = serializers.BooleanField()
    is_simulated = serializers.BooleanField()
    interests = InterestWeightSerializer(many=True)
    segments = ProfileSegmentSerializer(many=True)
    behaviours = serializers.IntegerField()
    computed_at = serializers.DateTimeField(allow_null=True)
    last_seen_at = serializers.DateTimeField(allow_null=True)


class ConditionSerializer(serializers.Serializer[Any]):
    """Holds an interest (or one of its children) at least this much."""

    interest = serializers.CharField()
    min_weight = serializers.FloatField(required=False, min_value=0, max_value=1)


class RuleSerializer(serializers.Serializer[Any]):
    """At least one of ``any``, every one of ``all``, and not one of ``none``. Documentation of the shape."""

    any = ConditionSerializer(many=True, required=False)
    all = ConditionSerializer(many=True, required=False)
    none = ConditionSerializer(many=True, required=False)


class SegmentSerializer(serializers.ModelSerializer[Segment]):
    """A segment as the API gives it."""

    rule = RuleSerializer()
    interests = serializers.ListField(child=serializers.CharField())
    size = serializers.SerializerMethodField(help_text="null: fewer than REPORTS_MIN_SHOPPERS shoppers.")
    is_large_enough = serializers.SerializerMethodField()

    class Meta:
        model = Segment
        fields = [
            "id",
            "name",
            "slug",
            "kind",
            "rule",
            "interests",
            "size",
            "is_large_enough",
            "is_active",
            "refreshed_at",
            "created_at",
        ]

    def get_size(self, segment: Segment) -> int | None:
        return size_told(segment.size)

    def get_is_large_enough(self, segment: Segment) -> bool:
        return bool(segment.size >= settings.PROFILES_SEGMENT_MIN_SHOPPERS)


@extend_schema_field(RuleSerializer)
class RuleField(serializers.JSONField):
    """A rule as sent; ``segments.rule_clean`` judges it, with a code for each fault."""


class SegmentInputSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=NAME_LIMIT)
    rule = RuleField()
    is_active = serializers.BooleanField(default=True)


class SegmentPatchSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=NAME_LIMIT, required=False)
    rule = RuleField(required=False)
    is_active = serializers.BooleanField(required=False)


class RuleInputSerializer(serializers.Serializer[Any]):
    rule = RuleField()


class RuleSizeSerializer(serializers.Serializer[Any]):
    """How many shoppers a rule would catch, of how many with a profile."""

    size = serializers.IntegerField(
        source="size_told", allow_null=True, help_text="null: fewer than REPORTS_MIN_SHOPPERS shoppers."
    )
    of = serializers.IntegerField()
    minimum = serializers.IntegerField(help_text="Smaller segments are not served.")
    is_large_enough = serializers.BooleanField()
    is_estimate = serializers.BooleanField()
