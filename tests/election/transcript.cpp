#include "tests/election/transcript.h"

#include <memory>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "tests/election/lab.h"

namespace titan::election::lab {
namespace {

class Runner {
 public:
  std::vector<std::string> execute(const std::string& line) {
    std::istringstream words(line);
    std::string command;
    words >> command;
    std::vector<std::string> arguments;
    for (std::string word; words >> word;) arguments.push_back(word);
    std::vector<std::string> output = obey(command, arguments);
    std::vector<std::string> trace = lab_.take_trace();
    if (tracing_) output.insert(output.begin(), trace.begin(), trace.end());
    for (; complaints_shown_ < lab_.complaints().size(); ++complaints_shown_) {
      output.push_back("BROKEN " + lab_.complaints()[complaints_shown_]);
    }
    return output;
  }

 private:
  using Words = std::vector<std::string>;

  static Duration duration_of(const Words& words, std::size_t at) {
    if (at >= words.size() || words[at].size() < 3)
      throw std::runtime_error("a duration is missing");
    return milliseconds(std::stoll(words[at].substr(0, words[at].size() - 2)));
  }

  std::vector<std::size_t> terminals_of(const Words& words) const {
    std::vector<std::size_t> terminals;
    if (words.size() == 1 && words[0] == "all") {
      for (std::size_t i = 0; i < lab_.size(); ++i) terminals.push_back(i);
      return terminals;
    }
    for (const std::string& word : words) terminals.push_back(lab_.index_of(word));
    return terminals;
  }

  Words obey(const std::string& command, const Words& words) {
    if (command == "terminals") return add(words);
    if (command == "run") return lab_.run(duration_of(words, 0)), Words{};
    if (command == "agree") return agree(duration_of(words, 0));
    if (command == "show") return lines_of(lab_.state_text());
    if (command == "heal") return lab_.heal(), Words{};
    if (command == "split") return split(words);
    if (command == "disk") return lab_.set_disk_delay(duration_of(words, 0)), Words{};
    if (command == "trace") return tracing_ = words.at(0) == "on", Words{};
    if (command == "stall") {
      lab_.stall(lab_.index_of(words.at(0)), duration_of(words, 1));
      return {};
    }
    const auto who = terminals_of(words);
    if (command == "cut" || command == "join" || command == "one-way") {
      if (command == "one-way") {
        lab_.set_one_way(who.at(0), who.at(1), false);
      } else {
        lab_.set_link(who.at(0), who.at(1), command == "join");
      }
      return {};
    }
    for (const std::size_t terminal : who) {
      if (command == "start") {
        lab_.start(terminal);
      } else if (command == "kill") {
        lab_.kill(terminal);
      } else if (command == "leave") {
        lab_.leave(terminal);
      } else if (command == "hint") {
        lab_.hint_leader_gone(terminal);
      } else if (command == "cloud" || command == "no-cloud") {
        lab_.set_cloud(terminal, command == "cloud");
      } else if (command == "deaf") {
        for (std::size_t other = 0; other < lab_.size(); ++other) {
          if (other != terminal) lab_.set_one_way(other, terminal, false);
        }
      } else {
        throw std::runtime_error("unknown command " + command);
      }
    }
    return {};
  }

  Words add(const Words& words) {
    for (const std::string& word : words) {
      const std::size_t colon = word.find(':');
      TerminalOptions options;
      if (colon != std::string::npos) {
        const std::string option = word.substr(colon + 1);
        if (option == "observer") {
          options.may_lead = false;
        } else if (option == "newcomer") {
          options.is_newcomer = true;
        } else {
          options.priority = static_cast<std::uint32_t>(std::stoul(option));
        }
      }
      lab_.add(word.substr(0, colon), options);
    }
    return {};
  }

  Words split(const Words& words) {
    std::vector<std::size_t> sides[2];
    std::size_t side = 0;
    for (const std::string& word : words) {
      if (word == "|") {
        side = 1;
      } else {
        sides[side].push_back(lab_.index_of(word));
      }
    }
    for (const std::size_t one : sides[0]) {
      for (const std::size_t other : sides[1]) lab_.set_link(one, other, false);
    }
    return {};
  }

  Words agree(Duration limit) {
    const Duration before = lab_.elapsed();
    const bool agreed = lab_.run_until([this] { return lab_.disagreement().empty(); }, limit);
    const auto took = std::chrono::duration_cast<milliseconds>(lab_.elapsed() - before).count();
    if (agreed) return {"one leader after " + std::to_string(took) + " ms"};
    Words output = {"NO AGREEMENT after " + std::to_string(took) + " ms"};
    for (std::string& line : lines_of(lab_.state_text())) output.push_back(std::move(line));
    return output;
  }

  static Words lines_of(const std::string& text) {
    Words lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
  }

  Lab lab_{LabConfig{}};
  bool tracing_ = true;
  std::size_t complaints_shown_ = 0;
};

}  // namespace

std::string run_transcript(const std::string& text) {
  Runner runner;
  std::string result;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    if (!line.empty() && line[0] == ' ') continue;  // the trace expected: written anew
    result += line + "\n";
    if (line.rfind("> ", 0) != 0) continue;
    for (const std::string& output : runner.execute(line.substr(2))) result += "  " + output + "\n";
  }
  return result;
}

}  // namespace titan::election::lab
