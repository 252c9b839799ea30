"""Grammars that several tests read."""

from __future__ import annotations

LIGHTS = """# what a room understands
context:
  expressions:
    switchLights:
      - "[turn, switch] $state:state (all, @article) lights (@place)"
      - "[turn, switch] (@article) lights $state:state"
    setColour:
      - "make the lights $colour:colour"
  slots:
    state: # of a lamp
      - on
      - "off"
    colour:
      - 'red'
      - light blue
      - blue
  macros:
    article:
      - the
      - my
    place:
      - in the $colour:room room
"""

LIGHTS_JSGF = """#JSGF V1.0 UTF-8 en;
grammar home.lights; // a comment
/* another
   one */
public <switchLights> = (turn | switch) ((on | off) {state} [<which>] lights
                        | [<which>] lights (on | off) {state});
public <setColour> = make the lights (<colour>) {colour};
<which> = all | <article>;
<article> = the | my;
<colour> = /10/ red | /2/ "light blue" | (blue) | violet {blue};
"""
