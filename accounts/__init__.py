"""Who may do what: advertisers, their people and their API keys."""
