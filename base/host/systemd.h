// The machine's systemd, for commands that a person runs to set a program up.
#pragma once

#include <string>
#include <vector>

namespace titan {

// Whether this machine was booted by systemd; a container's root or a chroot was not.
bool has_systemd();

// Starts the service, now and at each boot. False: it did not start; systemctl said why.
bool start_service(const std::string& unit);

// Runs a program of the PATH and waits for it: its exit code, 127 if it cannot be run.
int run_program(std::vector<std::string> words);

}  // namespace titan
