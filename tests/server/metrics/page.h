#pragma once

#include <string>

namespace latentd::metrics {

// What GET /metrics answers on a port of the loopback interface. Fails the test when there is no answer.
std::string FetchPage(int port);

// The value of a metric with its labels, such as `latentd_images_total{model="m"}`. Fails the test when it is missing.
double ValueOf(const std::string& page, const std::string& metric);

// Fails the test when `promtool check metrics` has anything to say. False: promtool is not there.
bool CheckByPromtool(const std::string& page);

}  // namespace latentd::metrics
