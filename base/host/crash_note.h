// What a program that crashes leaves for whoever looks into it: a small text file with its version,
// the signal, where it was, and the last lines of its log. No memory is in it, so no secret, and no
// sale: it may be sent to the makers as it is.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace titan {

// Notes are kept in `folder`, the last crash_notes_max of them. The program still dies of its
// signal, so that whoever started it sees that. Once in the life of a program.
inline constexpr std::size_t crash_notes_max = 5;
void leave_crash_notes(const std::string& folder, const std::string& program,
                       const std::string& version);

// A line of the log with its end, as it is told: without secrets. For one thread at a time. The
// oldest of some dozens is forgotten.
void remember_for_crash_note(std::string_view line);

// The notes in `folder` that this has not answered before, oldest first: each is told once.
std::vector<std::string> take_new_crash_notes(const std::string& folder);

}  // namespace titan
