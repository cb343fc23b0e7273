"""The browser door: one WebRTC peer a call, offered to the pipeline as a pipecat transport."""
