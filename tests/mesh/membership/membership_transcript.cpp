#include "tests/mesh/membership/membership_transcript.h"

#include <map>
#include <memory>
#include <sstream>
#include <vector>

#include "tests/mesh/membership/membership_lab.h"

namespace titan::mesh::lab {

namespace {

using Words = std::vector<std::string>;

class Runner {
 public:
  std::string run(const std::string& text) {
    std::istringstream lines(text);
    std::string line;
    bool after_command = false;
    while (std::getline(lines, line)) {
      if (line.starts_with("> ")) {
        after_command = true;
        out_ += line + "\n";
        std::istringstream stream(line.substr(2));
        Words words;
        for (std::string word; stream >> word;) words.push_back(word);
        command(words);
      } else if (!after_command || !line.starts_with("  ")) {
        after_command = false;
        out_ += line + "\n";
      }
    }
    return out_;
  }

 private:
  void say(const std::string& line) { out_ += "  " + line + "\n"; }

  int terminal(const std::string& name) {
    const auto found = index_.find(name);
    if (found == index_.end()) say("there is no terminal " + name);
    return found == index_.end() ? 0 : found->second;
  }

  std::vector<int> terminals(const Words& words) {
    std::vector<int> result;
    for (std::size_t i = 1; i < words.size(); ++i) {
      if (words[i] == "all") {
        for (const auto& [name, index] : index_) result.push_back(index);
      } else {
        result.push_back(terminal(words[i]));
      }
    }
    return result;
  }

  static Duration duration(const std::string& text) { return milliseconds(std::stoll(text)); }

  void command(const Words& words) {
    const std::string& name = words.at(0);
    if (name == "wireless") {
      config_ = MembershipConfig::wireless();
    } else if (name == "terminals") {
      lab_ = std::make_unique<Lab>(7, config_);
      for (std::size_t i = 1; i < words.size(); ++i) index_[words[i]] = lab_->add(words[i]);
    } else if (name == "trace") {
      traced_ = words.at(1) == "on";
    } else if (name == "show") {
      show();
    } else if (name == "run") {
      lab_->run(duration(words.at(1)));
    } else if (name == "agree") {
      const auto took = lab_->run_until([&] { return lab_->agreed(); }, duration(words.at(1)));
      flush_trace();
      say(took ? "all agree after " + in_seconds(*took) + " s"
               : "NO AGREEMENT after " + words[1] + "\n" + lab_->disagreement());
    } else if (name == "wait") {
      wait(words);
    } else if (!shop(words) && !lan(words)) {
      say("there is no command " + name);
    }
    flush_trace();
  }

  bool shop(const Words& words) {
    const std::string& name = words.at(0);
    if (name == "start") {
      for (const int one : terminals(words)) lab_->start(one);
    } else if (name == "kill") {
      for (const int one : terminals(words)) lab_->kill(one);
    } else if (name == "power-off") {
      for (const int one : terminals(words)) lab_->power_off(one);
    } else if (name == "leave") {
      for (const int one : terminals(words)) lab_->leave(one);
    } else if (name == "stall") {
      lab_->stall(terminal(words.at(1)), duration(words.at(2)));
    } else if (name == "clone") {
      index_[words.at(2)] = lab_->add_clone(terminal(words.at(1)), words.at(2));
    } else if (name == "clock") {
      lab_->set_clock(terminal(words.at(1)), -1'700'000'000'000);
    } else if (name == "address") {
      lab_->move_address(terminal(words.at(1)), words.at(2));
    } else {
      return false;
    }
    return true;
  }

  bool lan(const Words& words) {
    const std::string& name = words.at(0);
    if (name == "cut" || name == "join") {
      const auto all = terminals(words);
      for (std::size_t i = 1; i < all.size(); ++i) {
        if (name == "cut") {
          lab_->cut(all[0], all[i]);
        } else {
          lab_->unblock(all[0], all[i]);
          lab_->unblock(all[i], all[0]);
        }
      }
    } else if (name == "one-way") {
      lab_->block(terminal(words.at(1)), terminal(words.at(2)));
    } else if (name == "deaf") {
      lab_->set_deaf(terminal(words.at(1)), true);
    } else if (name == "split") {
      std::vector<int> sides[2];
      int side = 0;
      for (std::size_t i = 1; i < words.size(); ++i) {
        words[i] == "|" ? void(side = 1) : sides[side].push_back(terminal(words[i]));
      }
      for (const int a : sides[0]) {
        for (const int b : sides[1]) lab_->cut(a, b);
      }
    } else if (name == "heal") {
      lab_->heal();
    } else {
      return false;
    }
    return true;
  }

  void wait(const Words& words) {
    const int whom = terminal(words.at(1));
    const auto took = lab_->run_until(
        [&] {
          for (int of = 0; of < lab_->count(); ++of) {
            if (of == whom || !lab_->is_up(of)) continue;
            const auto state = lab_->state(of, whom);
            if (!state || to_string(*state) != words.at(2)) return false;
          }
          return true;
        },
        duration(words.at(3)));
    flush_trace();
    say(took ? "all others hold it so after " + in_seconds(*took) + " s"
             : "NOT ALL HOLD IT SO after " + words.at(3));
  }

  void show() {
    for (const auto& [name, index] : index_) {
      if (!lab_->is_up(index)) {
        say(name + ": off");
        continue;
      }
      std::string line =
          name + ": incarnation " + std::to_string(lab_->membership(index).incarnation()) + ";";
      std::map<std::string, std::string> states;
      for (const KnownMember& member : lab_->membership(index).members()) {
        states[lab_->name_of(member.member.process)] =
            std::string(to_string(member.state)) + (member.linked ? "" : " no-link");
      }
      for (const auto& [whom, state] : states) line += " " + whom + " " + state + ",";
      line.pop_back();
      say(line);
    }
  }

  void flush_trace() {
    if (!lab_) return;
    for (const std::string& line : lab_->take_trace()) {
      if (traced_) say("   " + line);
    }
  }

  MembershipConfig config_ = MembershipConfig::wired();
  std::unique_ptr<Lab> lab_;
  std::map<std::string, int> index_;
  bool traced_ = true;
  std::string out_;
};

}  // namespace

std::string run_transcript(const std::string& text) {
  return Runner().run(text);
}

}  // namespace titan::mesh::lab
