"""The words of the page "why this ad", in a campaign's two languages."""

from __future__ import annotations

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "title": "Why you see this ad",
        "stop": ".",
        "who": "Who pays for it",
        "who_text": "This ad is shown and paid for by",
        "behalf_text": "This ad is shown on behalf of",
        "payer_text": "It was paid for by",
        "product": "It is for",
        "why": "Why you",
        "entered": "These interests of yours entered the decision:",
        "personal": "It was made for a group of people with these interests:",
        "from": "The shop puts people into such groups by what they looked at, searched or bought there, "
        "and only where they agreed to it. The ad was made for the group, not for you alone.",
        "gone": "It was made for a group of people with an interest that the shop no longer uses.",
        "general": "It was made for everybody. No interest of yours entered the decision.",
        "house": "Nothing else fitted here, so the shop shows this one to everybody.",
        "known": "You agreed to personal ads in this shop, so that it is known that you have seen this one, "
        "by a number in place of your name.",
        "unmeasured": "You agreed to personal ads in this shop, but not to their measurement: it is not "
        "noted down that you have seen this one.",
        "unknown": "Nothing was noted down about you.",
        "test": "It takes part in a comparison of two pictures: chance decided which of them you see.",
        "take": "Not interested",
        "take_all": "No personal ads at all",
        "taken": "taken away, plays no part any more",
        "take_text": "What you take away no longer counts from the next ad on, whatever you look at later.",
        "done_one": "Taken away. From the next ad on it plays no part.",
        "done_all": "Noted. From the next ad on you see what all see; what was known of you is deleted.",
        "done_unknown": "There is nothing here that belongs to you.",
        "ai": "How it was made",
        "ai_text": "The background was made by an artificial intelligence and approved by a person. The "
        "product itself is a photo; price and words were set by code.",
        "object": "If you do not want this",
        "object_text": "Take back your consent in the shop, or switch on Global Privacy Control in your "
        "browser: then you see only ads that are the same for everybody.",
    },
    "zh": {
        "title": "为什么您看到这则广告",
        "stop": "。",
        "who": "谁在付费",
        "who_text": "这则广告的展示方和付费方是",
        "behalf_text": "这则广告的展示方是",
        "payer_text": "付费方是",
        "product": "广告商品",
        "why": "为什么是您",
        "entered": "您的以下兴趣参与了这次选择：",
        "personal": "它是为有以下兴趣的一群人制作的：",
        "from": "商店根据人们在店内浏览、搜索或购买的内容进行分组，并且只在本人同意的情况下才这样做。"
        "广告是为这个群体制作的，而不是只为您一个人。",
        "gone": "它是为某个兴趣群体制作的，商店现已不再使用该兴趣。",
        "general": "它是为所有人制作的，您的任何兴趣都没有参与这次选择。",
        "house": "这里没有其他合适的内容，因此商店向所有人展示这一则。",
        "known": "您在这家商店同意了个性化广告，因此系统以一个代替您姓名的编号记录您看过这则广告。",
        "unmeasured": "您在这家商店同意了个性化广告，但没有同意效果衡量：系统没有记录您看过这则广告。",
        "unknown": "没有记录任何关于您的信息。",
        "test": "它参与了两张图片的对比：您看到哪一张由随机决定。",
        "take": "不感兴趣",
        "take_all": "不要任何个性化广告",
        "taken": "已移除，不再参与选择",
        "take_text": "您移除的兴趣从下一则广告起不再参与选择，无论您之后浏览什么。",
        "done_one": "已移除。从下一则广告起，它不再参与选择。",
        "done_all": "已记录。从下一则广告起您只会看到对所有人都相同的广告，关于您的记录已删除。",
        "done_unknown": "这里没有属于您的信息。",
        "ai": "它是怎样制作的",
        "ai_text": "背景由人工智能生成，并经人工审核。商品本身是照片；价格和文字由程序排版。",
        "object": "如果您不希望这样",
        "object_text": "您可以在商店撤回同意，或在浏览器中开启“全球隐私控制”："
        "之后您只会看到对所有人都相同的广告。",
    },
}
