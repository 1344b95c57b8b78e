"""What a shopper may ask of us: what is held of them, and that it goes away. And what goes by itself."""
