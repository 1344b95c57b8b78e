"""Training of the built-in latent diffusion model: autoencoder, latents, denoiser, distillation."""
