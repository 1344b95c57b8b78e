"""Who is the shopper: behaviour, interests, consent and segments."""
