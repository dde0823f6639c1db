#pragma once

#include "slicefast/threads.hpp"
