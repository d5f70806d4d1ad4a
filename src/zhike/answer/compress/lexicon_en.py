"""English words that carry talk and no facts. Written by hand, of no trade.

``FUNCTION`` words hold sentences together and stand inside names ("Bed and Breakfast"); ``TALK`` words
are what one says around a fact ("could you recommend"). Numbers written as words are neither.
"""

from __future__ import annotations

import re

FUNCTION = frozenset("""
a an the this that these those my your his hers her its our their any each every such same own
i you he she it we they me him us them myself yourself itself ourselves themselves mine yours ours someone anyone something anything nothing everything somewhere anywhere
am is are was were be been being do does did done doing have has had having will would shall should can could may might must ought ca wo gonna wanna
's 'm 'd 'll 're 've n't nt m d ll re ve isn't aren't wasn't weren't don't doesn't didn't haven't hasn't hadn't won't wouldn't can't cannot couldn't shouldn't i'm i'd i'll i've
you're you'd you'll you've we're we'd we'll we've they're they'll they've it's it'll that's that'll there's here's what's let's he's she's who's how's where's
and or but nor so yet if then else than as because since while though although unless until whether
of in on at to for from with by about into onto over under after before between through during within without against among around near per via up down out off
not no also too very really just only even still already again ever never always often quite rather much
there here where when what which who whom whose why how now
""".split())

TALK = frozenset("""
hi hello hey dear bye goodbye thanks thank thx welcome please pls sorry apologize apologise apologies appreciate appreciated glad happy pleasure enjoy hope hopefully wonderful great good nice fine
perfect excellent awesome fantastic lovely cool sure certainly absolutely definitely course alright alrighty right exactly indeed yes yeah yep nope ok okay oh hmm ah well wow
look looking looks find finds found finding search searching searched seek seeking want wants wanted wanting need needs needed needing like liked likes love wish wishing help helps helped helping
helpful assist assists assisting assisted assistance know think thinking thought believe guess see seem seems sound sounds feel let lets make makes making made get gets getting got give gives giving given
go goes going went come comes coming came take takes taking took try trying tried tell tells say says said ask asking asked show shows showing use uses using used work works working check checking checked
confirm confirmed provide provides provided offer recommend recommends recommended recommendation recommendations suggest suggests suggested suggestion suggestions interested interest interests interesting consider mind
matter matters care able possible available availability call calling contact contacting send keep put set plan planning planned hoping wondering needing choose chose pick picked decide
information info detail details thing things kind kinds sort sorts question questions request requests option options choice choices preference preferences prefer preferred preferably idea case bit problem
issue moment today else further specific particular certain unfortunately however actually maybe perhaps possibly probably instead anyway currently ahead together back away soon successful successfully
criteria requirements requirement requested match matches matching matched fit fits meet meets meeting suit suits
mr mrs ms sir madam folks guys
""".split())

NUMBERS = frozenset("""
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty hundred thousand
first second third fourth fifth last half quarter dozen single double couple few several many both either neither all none most least another each once twice free half
""".split())

LINKS = frozenset("of and & 's ' or in on at to by the a for".split())
"""May stand inside a name or phrase: Bed and Breakfast, King 's Cross, centre of town."""

idle = re.compile(r"\b(?:anything|something|nothing|everything) (?:else|more)|\b(?:help|assist) (?:you|me)\b|\bthank|\bwelcome\b"
                  r"|\bhave an? (?:great|nice|good|wonderful|lovely|pleasant)|\bgood ?bye\b|\benjoy your\b"
                  r"|\b(?:glad|happy) (?:to|i|that)\b|\bthat(?: is|'s| 's| will be| 'll be|'ll be)? (?:all|everything|it)\b"
                  r"|\ball i (?:need|want)|\bmy pleasure\b|\bno problem\b|\bare you sure\b", re.I).search
"""A sentence that says nothing of the matter."""
