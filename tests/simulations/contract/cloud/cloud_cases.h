// One contract for the cloud, kept by the simulator's model and by real titan-cloud processes on a
// PostgreSQL: each case runs on both.
#pragma once

#include <catch2/catch.hpp>

#include "tests/simulations/contract/cloud/model_cloud.h"
#include "tests/simulations/contract/cloud/real_cloud.h"

#define CLOUD_CASE(name) TEMPLATE_TEST_CASE("cloud: " name, "", ModelCloud, RealCloud)
