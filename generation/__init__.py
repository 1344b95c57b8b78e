"""What a creative looks like: prompts, image models, render jobs, composition and review."""
