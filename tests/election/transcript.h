// Transcripts: prose, commands, and the trace that each command is expected to leave.
//
// A line that starts with "> " is a command; the indented lines after it are its trace. All other
// lines are prose. Running a transcript writes it anew with the trace that really came; it passes
// when that equals the file. TITAN_REWRITE_TRANSCRIPTS=1 writes the new text into the file.
//
// Commands (terminals by name; several where it says so)
//   terminals A B:2 C:observer D:newcomer   B has priority 2, C may not lead, D remembers nobody
//   start A B ... | all        a new process on the disk of the last
//   kill A ...                 SIGKILL
//   stall A 1000ms             its loop does not run
//   leave A                    polite stop
//   hint A ...                 their connection to the leader closed and a probe of it failed
//   cut A B | join A B         both directions
//   one-way A B                nothing from A reaches B any more
//   deaf A                     nothing reaches A any more
//   split A B | C D            no link between the sides
//   heal                       all links work
//   cloud A ... | no-cloud A ...
//   disk 200ms                 how long a commit takes from now on
//   run 2000ms
//   agree 1000ms               runs until one leads and all up terminals follow, at most so long
//   trace off | on             for stretches that are not the point
//   show                       who leads, who follows
#pragma once

#include <string>

namespace titan::election::lab {

// The transcript's text with the trace that came, plus a complaint for each check of the lab that
// failed.
std::string run_transcript(const std::string& text);

}  // namespace titan::election::lab
