// Transcripts of membership: prose, commands, and the trace that each command is expected to leave.
//
// A line that starts with "> " is a command; the indented lines after it are its trace. All other
// lines are prose. Running a transcript writes it anew with the trace that really came; it passes
// when that equals the file. TITAN_REWRITE_TRANSCRIPTS=1 writes the new text into the file.
//
// Commands (terminals by name; several where it says so)
//   wireless                   first, if at all: the relaxed profile
//   terminals A B C ...
//   start A ... | all          a new process, on the disk of the last
//   kill A ... | all           SIGKILL: connections close, dials are refused
//   power-off A ... | all      the machine is gone: silence
//   leave A ...                polite stop
//   stall A 1000ms             its loop does not run
//   clone A X                  X is another machine with A's key and disk
//   clock A 1970               from its next start on
//   address A 10.77.0.99:7411
//   cut A B ... | join A B ... A and each of the others, both directions
//   one-way A B                nothing from A reaches B any more
//   deaf A                     its links stand, but no message reaches it
//   split A B | C D            no link between the sides
//   heal                       the network is whole, nobody is deaf
//   run 2000ms
//   agree 1000ms               until all hold alive exactly whom they can reach; at most so long
//   wait A dead 1500ms         until all others hold A so
//   trace off | on             for stretches that are not the point
//   show                       whom each holds for what
#pragma once

#include <string>

namespace titan::mesh::lab {

// The transcript's text with the trace that came, and a complaint where a wait was in vain.
std::string run_transcript(const std::string& text);

}  // namespace titan::mesh::lab
