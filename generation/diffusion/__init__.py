"""The built-in latent diffusion model: what it reads, how its latents are packed, its pipeline."""
