// Texts of what an election does, the same in logs, transcripts and trace hashes.
//
// Processes appear as the first eight digits of their id unless `name` is given.
#pragma once

#include <functional>
#include <string>

#include "election/effects.h"
#include "election/messages.h"
#include "election/types.h"

namespace titan::election {

using NameOf = std::function<std::string(const ProcessId&)>;
std::string short_name(const ProcessId& process);

std::string describe(const Token& token, const NameOf& name = short_name);
// The same in a sentence for a person: "term 7 of process 1a2b3c4d".
std::string token_text(const Token& token);
std::string describe(const Message& message, const NameOf& name = short_name);
std::string describe(const Event& event, const NameOf& name = short_name);

const char* to_string(VoteAnswer answer);
const char* to_string(StepDownReason reason);
const char* to_string(HandOverReason reason);

}  // namespace titan::election
