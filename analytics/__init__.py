"""What happened and what we learned: events, attribution, roll-ups and reports."""
