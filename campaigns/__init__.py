"""What we show: catalogue, campaigns, placements, and the decision's hot path."""
