"""Speech synthesis: engines that turn a sentence into samples, and the voices that stream them to a call.

``engine``   what an engine is: one sentence in, samples out, blocking
``piper``    Piper (neural, the product's voice)
``nanotts``  SVOX Pico, in a child process (the embedded French voice)
``voice``    ``bot.ports.Voice`` over any engine: pieces, off the event loop, levelled, at the asked rate
``cache``    ``bot.ports.Voice`` over any voice: phrases said often are kept
``factory``  which voice speaks
"""
